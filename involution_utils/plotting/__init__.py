"""Every figure of the notebooks: functions take arrays and return a Matplotlib figure, `show` puts it on the page."""

from involution_utils.plotting.base import OKABE_ITO, bars, heat_maps, image_grid, lines, matrices, photograph, show
from involution_utils.plotting.comparison import cell_means, forest, learning_curves, seed_lines, strips, trade_offs
from involution_utils.plotting.convolution import misses, receptive_fields
from involution_utils.plotting.involution import kernel_rows, layer_diagram
from involution_utils.plotting.kernels import by_layer, kernel_maps, kernels_at, ladder, lesions, links
from involution_utils.plotting.tasks import clips, label_maps, maps_and_means, signal
from involution_utils.plotting.texts import difference, table
from involution_utils.plotting.training import confusion, curves, draws, stages

__all__ = [
    "OKABE_ITO",
    "bars",
    "by_layer",
    "cell_means",
    "clips",
    "confusion",
    "curves",
    "difference",
    "draws",
    "forest",
    "heat_maps",
    "image_grid",
    "kernel_maps",
    "kernel_rows",
    "kernels_at",
    "label_maps",
    "ladder",
    "layer_diagram",
    "learning_curves",
    "lesions",
    "lines",
    "links",
    "maps_and_means",
    "matrices",
    "misses",
    "photograph",
    "receptive_fields",
    "seed_lines",
    "show",
    "signal",
    "stages",
    "strips",
    "table",
    "trade_offs",
]
