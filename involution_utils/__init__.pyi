"""The public names, for `lazy_loader` and for type checkers; `as` makes a name public."""

from . import data as data
from . import exercises as exercises
from . import microscope as microscope
from . import plotting as plotting
from . import training as training
from .analysis import count_parameters as count_parameters
from .analysis import explained_by_pixels as explained_by_pixels
from .analysis import layer_kernels as layer_kernels
from .analysis import lesioned as lesioned
from .analysis import multiply_adds as multiply_adds
from .analysis import reestimate_normalization as reestimate_normalization
from .analysis import spatial_share as spatial_share
from .checks import ParameterError as ParameterError
from .data import ImageDataset as ImageDataset
from .data import load_dataset as load_dataset
from .exporting import export as export
from .layers import AttentionKernelGenerator as AttentionKernelGenerator
from .layers import Involution1D as Involution1D
from .layers import Involution2D as Involution2D
from .layers import Involution3D as Involution3D
from .layers import KernelGenerator as KernelGenerator
from .models import conv_classifier as conv_classifier
from .models import involution_classifier as involution_classifier
from .models import load_official_weights as load_official_weights
from .models import load_pretrained as load_pretrained
from .models import load_trained as load_trained
from .models import rednet as rednet
from .models import repaired_involution_classifier as repaired_involution_classifier
from .models import small_rednet as small_rednet
from .ops import involution as involution
from .ops import window_products as window_products
from .parameters import check_parameters as check_parameters
from .records import load_results as load_results
from .records import record as record
from .records import save_json as save_json
from .statistics import mean_interval as mean_interval
from .training import cosine_adamw as cosine_adamw
from .training import save_model as save_model
from .training import train as train

__version__: str
