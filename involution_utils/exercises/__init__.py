"""The checks of the exercises, a module per notebook: each takes an answer and returns a `Verdict`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "beyond_images": ["check_mean_iou", "check_signal_involution"],
        "convolution": ["check_parameter_count", "check_receptive_field", "check_strided_convolution"],
        "fair_chance": ["check_dense_parameters", "check_recovered", "check_repaired_inn"],
        "involution": ["check_group_of_channel", "check_involution_parameters", "check_own_involution_layer"],
        "judge": ["Verdict"],
        "kernels": ["check_mean_kernels", "check_softmax_kernels", "check_spatial_share"],
        "self_attention": ["check_attention_kernels", "check_attention_parameters", "check_window_pairs"],
        "training": ["check_confusion", "check_dead_chance", "check_interval"],
        "worth_it": ["check_equivalence", "check_holm", "check_operator_parameters"],
        "your_own": ["check_kernel_generator", "check_mix_kernels", "check_position_code"],
    },
)
