"""The networks: the original experiment's classifiers, RedNet, a small RedNet with an exchangeable operator."""

from involution_utils.models.checkpoints import PRETRAINED, load_official_weights, load_pretrained, load_trained
from involution_utils.models.classifiers import conv_classifier, involution_classifier, repaired_involution_classifier
from involution_utils.models.rednet import rednet
from involution_utils.models.small_rednet import OPERATORS, SharedDepthwiseConv2D, small_rednet

BUILDERS = (conv_classifier, involution_classifier, repaired_involution_classifier, rednet, small_rednet)
MODELS = {build.__name__: build for build in BUILDERS}

__all__ = [*MODELS, "MODELS", "OPERATORS", "PRETRAINED", "SharedDepthwiseConv2D"]
__all__ += ["load_official_weights", "load_pretrained", "load_trained"]
