"""Figures of the notebooks that seaborn, pandas or Matplotlib do not give in three lines.

Each returns a Matplotlib figure whose label is a text for readers who cannot see it; `show` puts both on the page.
"""

from involution_utils.plotting.base import COLORS, OKABE_ITO, STYLE, colors_of, image_grid, matrices, photograph, show
from involution_utils.plotting.comparison import curves, dot_plot, error_frontier, forest
from involution_utils.plotting.kernels import kernel_maps, kernels_at, label_maps, layer_diagram

__all__ = ["COLORS", "OKABE_ITO", "STYLE", "colors_of", "curves", "dot_plot", "error_frontier", "forest", "image_grid"]
__all__ += ["kernel_maps", "kernels_at", "label_maps", "layer_diagram", "matrices", "photograph", "show"]
