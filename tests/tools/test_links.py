"""Links follow the one address in pyproject.toml."""

from tools import links


def test_links_follow_the_one_address(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/new/home"\n')
    old = "colab.research.google.com/github/old/place/blob/main/x.ipynb git+https://github.com/old/place other"
    (tmp_path / "README.md").write_text(old)
    assert links.rewrite(tmp_path) == ["README.md"]
    assert (tmp_path / "README.md").read_text() == old.replace("old/place", "new/home")
    assert links.rewrite(tmp_path) == []
