"""The folder of a static Hugging Face Space."""

import re

from involution_utils import load_trained
from involution_utils.live import microscope
from tools import space


def test_the_folder_of_a_space(tmp_path, capsys):
    (tmp_path / "kept.txt").write_text("mine")
    space.main(["--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "index.html", "kept.txt"]
    front = re.match(r"---\n(.*?)\n---\n", (tmp_path / "README.md").read_text(), re.DOTALL)[1]
    settings = dict(line.split(": ", 1) for line in front.splitlines())
    assert settings["sdk"] == "static"
    assert (tmp_path / settings["app_file"]).exists()
    assert len(settings["short_description"]) <= 60  # the Hub's limit
    page = (tmp_path / "index.html").read_text()
    assert len(page) < 1_000_000
    pictures = microscope.show(load_trained("small_rednet"), microscope.pictures())
    weights = re.compile(r'id="weights">([^<]*)<')
    assert weights.search(page)[1] == weights.search(pictures.html)[1]
    assert '"airplane"' in page
    assert "index.html" in capsys.readouterr().out
