"""One HTML file that needs nothing else, and the same page as a notebook's output."""

import base64
import hashlib
import html
import io
import json
import os
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from involution_utils import checks

_WEB = resources.files("involution_utils.microscope") / "web"


class LivePage:
    """A page that runs in a browser, and in a notebook's output.

    A notebook shows the page in a frame. Where scripts do not run (on GitHub, in a notebook that is not trusted),
    `picture` (height, width, 1 or 3) stands in its place, with the text `alt`.
    """

    def __init__(
        self, name: str, shared: Sequence[str], title: str, data: dict[str, Any], picture: np.ndarray, alt: str
    ):
        # In `web/`, `name` is that of the structure, of the page's own script and of its style sheet, if it has one;
        # `shared` are scripts before that one.
        # The scripts find `data` as DATA, its arrays as Uint8Array if they are of uint8, else as Float32Array.
        self.title, self.picture, self.alt = title, picture, alt
        scripts = [_read(f"{script}.js") for script in ("forward", "page", *shared, name)]
        style = "\n".join(_read(f"{sheet}.css") for sheet in ("style", name) if (_WEB / f"{sheet}.css").is_file())
        parts = {
            "title": html.escape(title),
            "style": style,
            "style_hash": _hash(style),
            "script_hashes": " ".join(map(_hash, scripts)),
            "body": _read(f"{name}.html"),
            "data": json.dumps(data, default=_encoded).replace("<", "\\u003c"),  # so that no text can end the element
            "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        }
        self.html = string.Template(_read("page.html")).substitute(parts)

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
        if path.is_dir():
            raise checks.error("path", "the name of a file, and there is a folder of that name", str(path))
        checks.write_whole(path, lambda part: part.write_text(self.html, encoding="utf-8"))
        return path

    def __repr__(self) -> str:
        return f"<{self.title}: {self.alt}>"

    def _repr_html_(self) -> str:
        png = io.BytesIO()
        Image.fromarray(np.repeat(self.picture, 3 // self.picture.shape[-1], axis=-1)).save(png, "png")
        return (  # the page removes the picture when it runs, and asks for the height that it needs
            f'<iframe title="{html.escape(self.title)}" style="width:100%;height:640px;border:0" '
            f'srcdoc="{html.escape(self.html)}"></iframe><img alt="{html.escape(self.alt)}" '
            f'style="width:16rem" src="data:image/png;base64,{_base64(png.getvalue())}">'
        )


def pixels(name: str, values: Any, shape: tuple[str | int, ...]) -> np.ndarray:
    """Return argument `name`, uint8 or in [0, 1], as uint8; in `shape`, a word stands for any length."""
    array = np.asarray(values)
    right = f"of shape ({', '.join(map(str, shape))}), at least one, uint8 or floating point in [0, 1]"
    wrong = [n for n, m in zip(shape, array.shape, strict=False) if not isinstance(n, str) and n != m]
    if len(shape) != array.ndim or wrong or not array.size:
        raise checks.error(name, right, f"array of shape {array.shape}")
    if array.dtype == "uint8":
        return array
    if array.dtype.kind != "f" or not 0 <= array.min() <= array.max() <= 1:  # nor where one is not a number
        raise checks.error(name, right, f"{array.dtype} from {array.min()} to {array.max()}")
    return np.round(array * 255).astype("uint8")


def _read(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _hash(text: str) -> str:
    """Name a script or style sheet for the content security policy."""
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _encoded(array: np.ndarray) -> dict[str, str]:
    kind, dtype = ("bytes", "uint8") if array.dtype == "uint8" else ("floats", "<f4")
    return {kind: _base64(array.astype(dtype).tobytes())}
