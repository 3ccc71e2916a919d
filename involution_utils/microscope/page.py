"""Put a page together: one HTML file that needs nothing else, and the same page as a notebook's output."""

import base64
import hashlib
import html
import json
import os
import string
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from involution_utils import checks

_WEB = resources.files("involution_utils.microscope") / "web"
_FRAME_HEIGHT = 640  # until the page, once it runs, asks for the height that it needs


class LivePage:
    """A page that runs in a browser, and in a notebook's output.

    A notebook shows the page in a frame. Where scripts do not run (on GitHub, in a notebook that is not trusted), a
    static picture stands in its place.

    Args:
        html: The whole page, complete in itself.
        title: A few words for the frame.
        picture: A PNG file's bytes, what is shown where scripts do not run.
        alt: What the picture shows, in a sentence or two.
    """

    def __init__(self, html: str, title: str, picture: bytes, alt: str):
        self.html, self.title, self.picture, self.alt = html, title, picture, alt

    def save(self, path: str | os.PathLike) -> Path:
        """Write the page to `path`, whole or not at all.

        Args:
            path: The file to write, which ends in `.html`.

        Returns:
            The path.

        Raises:
            ParameterError: If `path` is no such name, or nothing can be written there.
        """
        if not isinstance(path, str | os.PathLike) or Path(path).suffix.lower() not in (".html", ".htm"):
            raise checks.error("path", "the name of a file that ends in .html", path)
        path = Path(path).expanduser()
        checks.folder("path", path.parent)
        checks.write_whole(path, lambda part: part.write_text(self.html, encoding="utf-8"))
        return path

    def __repr__(self) -> str:
        return f"<{self.title}: {self.alt}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        png, alt = base64.b64encode(self.picture).decode(), html.escape(self.alt)
        frame = (  # the page removes the picture when it runs
            f'<iframe title="{html.escape(self.title)}" style="width:100%;height:{_FRAME_HEIGHT}px;border:0" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
            f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{png}">'
        )
        bundle = {"text/html": frame, "image/png": png, "text/plain": repr(self)}
        return bundle, {"image/png": {"alt": self.alt}}


def assemble(title: str, body: str, scripts: list[str], data: dict[str, Any]) -> str:
    """Return a page as one string.

    Args:
        title: The page's title.
        body: The file in `web/` that holds the page's structure.
        scripts: The files in `web/` that the page runs, in their order.
        data: What the scripts find as `DATA`: what JSON can say, and arrays, which become `Uint8Array` if they are of
            uint8, else `Float32Array`.
    """
    codes = [_read(name) for name in scripts]
    parts = {
        "title": html.escape(title),
        "style": _read("style.css"),
        "style_hash": _hash(_read("style.css")),
        "script_hashes": " ".join(map(_hash, codes)),
        "body": _read(body),
        "data": json.dumps(data, default=_encoded).replace("<", "\\u003c"),  # so that no text can end the element
        "scripts": "\n".join(f"<script>{code}</script>" for code in codes),
    }
    return string.Template(_read("page.html")).substitute(parts)


def _read(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name a script or style sheet for the content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _encoded(array: np.ndarray) -> dict[str, str]:
    kind, dtype = ("bytes", "uint8") if array.dtype == "uint8" else ("floats", "<f4")
    return {kind: base64.b64encode(array.astype(dtype).tobytes()).decode()}


def image_data(image: np.ndarray, name: str) -> dict[str, Any]:
    """Return an image (height, width, channels) in [0, 1] as the page reads it, in steps of 1/255."""
    height, width, channels = image.shape
    values = np.round(image * 255).astype("uint8")
    return {"name": name, "width": width, "height": height, "channels": channels, "values": values}
