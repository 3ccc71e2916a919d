"""Where the website goes: a folder that holds nothing but an earlier site."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
import build


@pytest.fixture
def site(tmp_path):
    """A folder as a build leaves it."""
    made = tmp_path / "made" / "involution-site"
    (made / "api").mkdir(parents=True)
    for name in ("index.html", "api/layers.html"):
        (made / name).write_text("")
    archive = shutil.make_archive(str(tmp_path / "made" / "archive"), "zip", made.parent, made.name)
    shutil.move(archive, made / build.ARCHIVE)
    return made


@pytest.mark.parametrize("name", ["new", "empty", "made/involution-site"])
def test_new_and_empty_folders_and_an_earlier_site_are_right(name, site, tmp_path):
    (tmp_path / "empty").mkdir()
    build.check_out(tmp_path / name)


@pytest.mark.parametrize("name", ["thesis.txt", "api/thesis.txt", "other/index.html"])
def test_a_folder_with_anything_else_is_refused_before_the_build(name, site, monkeypatch):
    monkeypatch.setattr(build, "lay_out", lambda source: pytest.fail("the build began"))
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text("years of work")
    with pytest.raises(SystemExit, match=f"is no folder for the site: it holds {name}"):
        build.main(["--out", str(site)])
    assert (site / name).read_text() == "years of work"
    with pytest.raises(SystemExit, match="something else"):
        build.main(["--out", str(site / name)])
