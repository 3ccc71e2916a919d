"""The website, and the pages of a run of the series: Sphinx on what docs/ and notebooks/ hold."""
