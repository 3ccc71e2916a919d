"""Sphinx's settings: the notebooks with their stored outputs, and pages that ask no other host for anything."""

import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))  # for the extension docs.pages

project = "Involution"
author = "the involution notebooks' authors"
version = release = re.search(r'__version__ = "(.+)"', (ROOT / "involution_utils" / "__init__.py").read_text())[1]
language = "en"
repository = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "docs.pages"]
default_role = "code"
toc_object_entries = False

myst_enable_extensions = ["dollarmath", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"  # which knows tables

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name shapes and dtypes, which hints cannot
autodoc_preserve_defaults = True  # as the source says them, so no folder of the machine that built the page
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "sphinx_book_theme"
html_title = "Involution"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_context = {"default_mode": "auto"}
html_math_renderer = "mathml"
html_show_sphinx = False
html_use_index = False
html_theme_options = {
    "repository_url": repository,
    "repository_branch": "main",
    "use_repository_button": True,
    "use_issues_button": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
