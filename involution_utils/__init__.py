"""Involution (Li et al., CVPR 2021) in Keras 3: the operation, the layers, the networks and what the notebooks need.

The import registers every layer that a saved model may name. All else, listed in `__init__.pyi`, comes when first used.
"""

import lazy_loader

from involution_utils import analysis, layers, models  # noqa: F401

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
