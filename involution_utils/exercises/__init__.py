"""The checks of the exercises, a module per notebook: each takes an answer and returns a `Verdict`."""

from involution_utils.exercises.convolution import (
    check_parameter_count,
    check_receptive_field,
    check_strided_convolution,
)
from involution_utils.exercises.fair_comparison import (
    check_conv2d_multiply_adds,
    check_effects,
    check_holm,
    check_operator_parameters,
    check_paired_interval,
)
from involution_utils.exercises.involution import (
    check_group_of_channel,
    check_involution,
    check_involution_parameters,
    check_own_involution_layer,
)
from involution_utils.exercises.judge import Verdict
from involution_utils.exercises.kernels import (
    check_effective_rank,
    check_kernel_map,
    check_mean_kernels,
    check_softmax_kernels,
    check_spatial_share,
)
from involution_utils.exercises.self_attention import (
    check_attention_kernels,
    check_attention_parameters,
    check_lookalike_kernels,
    check_switch_kernels,
    check_task_winners,
    check_window_pairs,
)
from involution_utils.exercises.training import (
    check_dense_parameters,
    check_fair_head,
    check_interval,
    check_repaired_inn,
)
from involution_utils.exercises.your_own import (
    check_kernel_generator,
    check_mean_iou,
    check_signal_involution,
)

__all__ = [
    "Verdict",
    "check_attention_kernels",
    "check_attention_parameters",
    "check_conv2d_multiply_adds",
    "check_dense_parameters",
    "check_effective_rank",
    "check_effects",
    "check_fair_head",
    "check_group_of_channel",
    "check_holm",
    "check_interval",
    "check_involution",
    "check_involution_parameters",
    "check_kernel_generator",
    "check_kernel_map",
    "check_lookalike_kernels",
    "check_mean_iou",
    "check_mean_kernels",
    "check_operator_parameters",
    "check_own_involution_layer",
    "check_paired_interval",
    "check_parameter_count",
    "check_receptive_field",
    "check_repaired_inn",
    "check_signal_involution",
    "check_softmax_kernels",
    "check_spatial_share",
    "check_strided_convolution",
    "check_switch_kernels",
    "check_task_winners",
    "check_window_pairs",
]
