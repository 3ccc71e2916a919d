"""The checks of arguments: for the oddest values there are, a sentence."""

import pytest

from involution_utils import checks


class WithoutRepr:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "value", [10**400, 10**5000, -(10**5000), WithoutRepr(), "x" * 10**6], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize("check", [checks.number, checks.whole_number, checks.boolean, checks.folder])
def test_values_that_cannot_be_printed_or_are_no_floats_get_a_short_sentence(check, value):
    with pytest.raises(checks.ParameterError, match="`size` must be") as caught:
        check("size", value, **({"least": 0, "most": 5} if check in (checks.number, checks.whole_number) else {}))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "value",
    ["a\0b", "x" * 300, "new/" + "x" * 300, "/".join(["x" * 100] * 60), "~nobody-of-that-name/x", "\ud800"],
    ids=["null", "long", "long, later", "long in all", "home of nobody", "surrogate"],
)
def test_a_folder_that_cannot_be_made_is_refused_before_anything_begins(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(checks.ParameterError, match="`output_dir` must be a folder"):
        checks.folder("output_dir", value)


@pytest.mark.parametrize("below", ["", "sub"])
@pytest.mark.parametrize("target", ["nowhere/x", "link"])
def test_a_broken_link_is_no_folder(target, below, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(checks.ParameterError, match=r"`output_dir` must be a folder that can be made and written to"):
        checks.folder("output_dir", tmp_path / "link" / below)


@pytest.mark.parametrize("name", ["größe/日本", "with space", ".", "..", "a/../b", "x" * 255])
def test_folders_of_odd_names_are_right(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checks.folder("output_dir", name).mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "é" * 125 + ".json"])
def test_the_longest_names_can_be_written(name, tmp_path):
    checks.write_whole(tmp_path / name, lambda part: part.write_text(part.suffix))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == ".json"
