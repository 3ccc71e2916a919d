"""The networks: the sizes of the original and of the paper, its authors' weights, what is counted and matched."""

import sys

import keras
import numpy as np
import pytest

from involution_utils.layers import AttentionKernelGenerator, Involution2D
from involution_utils.models import (
    OPERATORS,
    RULES,
    conv_classifier,
    involution_classifier,
    layer_kernels,
    load_official_weights,
    matched_widths,
    multiply_adds,
    parameters,
    rednet,
    small_rednet,
    spatial_share,
)


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.mark.parametrize(
    ("build", "trainable", "fixed"), [(conv_classifier, 319_178, 0), (involution_classifier, 13_074, 6)]
)
def test_parameters_are_the_originals(build, trainable, fixed):
    model = build()
    assert (count(model.trainable_weights), count(model.non_trainable_weights)) == (trainable, fixed)
    assert model.output_shape == (None, 10)


def test_one_involution_has_26_parameters():
    layers = [layer for layer in involution_classifier().layers if isinstance(layer, Involution2D)]
    assert [layer.count_params() for layer in layers] == [26, 26, 26]


def test_outputs_are_logits():
    logits = conv_classifier()(np.random.default_rng(0).random((4, 32, 32, 3)))
    assert not np.allclose(np.sum(logits, axis=-1), 1)


def test_start_as_mean_makes_the_mean_of_each_window_but_for_the_generators_part():
    model = involution_classifier(start_as_mean=True)
    for layer in model.layers:
        if isinstance(layer, Involution2D):
            layer.kernel_generator.span.kernel.assign(np.zeros(layer.kernel_generator.span.kernel.shape))
    image = np.random.default_rng(0).random((1, 32, 32, 3)).astype("float32")
    outputs = np.array(model.get_layer("involution_1")(image))
    np.testing.assert_allclose(outputs[0, 5, 7], image[0, 4:7, 6:9].mean(axis=(0, 1)), rtol=1e-5)


def test_start_as_mean_survives_saving_and_other_seeds_change_the_rest():
    keras.utils.set_random_seed(0)
    one = involution_classifier(start_as_mean=True)
    assert np.allclose(one.get_layer("involution_2").kernel_generator.span.bias, 1 / 9)
    clone = keras.models.clone_model(one)
    assert [w.shape for w in clone.weights] == [w.shape for w in one.weights]


def test_layer_kernels_are_those_that_make_the_output():
    keras.utils.set_random_seed(1)
    model = involution_classifier(start_as_mean=True)
    images = np.random.default_rng(0).random((2, 32, 32, 3)).astype("float32")
    kernels = layer_kernels(model, images)
    assert {name: array.shape for name, array in kernels.items()} == {
        f"involution_{n}": (2, size, size, 3, 3, 1) for n, size in [(1, 32), (2, 16), (3, 8)]
    }
    _, first = model.get_layer("involution_1")(images, return_kernels=True)
    np.testing.assert_array_equal(kernels["involution_1"], first)


def test_spatial_share_tells_places_from_images():
    rng = np.random.default_rng(0)
    between_images = np.broadcast_to(rng.normal(size=(5, 1, 1, 3, 3)), (5, 4, 4, 3, 3))
    between_places = np.broadcast_to(rng.normal(size=(1, 4, 4, 3, 3)), (5, 4, 4, 3, 3))
    assert spatial_share(between_images) == pytest.approx(0)
    assert spatial_share(between_places) == pytest.approx(1)
    assert spatial_share(np.ones((2, 4, 4, 3, 3))) == 0
    mixed = spatial_share(between_images + between_places)
    expected = between_places.var(axis=(1, 2)).mean() / (between_images + between_places).var(axis=(0, 1, 2)).mean()
    assert mixed == pytest.approx(expected)
    assert 0 < mixed < 1


# RedNet


@pytest.mark.parametrize(
    ("depth", "size", "billions"),
    [
        (26, 9_233_166, 1.685),
        (38, 12_386_986, 2.167),
        (50, 15_540_806, 2.649),
        (101, 25_652_950, 4.659),
        (152, 33_984_582, 6.679),
    ],
)
def test_rednet_has_the_papers_parameters_and_multiply_adds(depth, size, billions):
    model = rednet(depth)
    assert parameters(model) == size
    assert round(multiply_adds(model) / 1e9, 3) == billions


def test_rednet_refuses_other_depths():
    with pytest.raises(ValueError, match="`depth` must be one of 26, 38, 50, 101, 152, not 18"):
        rednet(18)


def official_state(classes=3, seed=0):
    """Random weights under the names of the official checkpoints, for RedNet-26."""
    rng, state = np.random.default_rng(seed), {}

    def convolution(name, filters, channels, size, bias=False):
        state[f"{name}.weight"] = rng.normal(0, (2 / (channels * size**2)) ** 0.5, (filters, channels, size, size))
        if bias:
            state[f"{name}.bias"] = rng.normal(0, 0.1, filters)

    def normalization(name, channels):
        state.update({f"{name}.{part}": rng.normal(0, 0.2, channels) for part in ("bias", "running_mean")})
        state.update({f"{name}.{part}": rng.uniform(0.5, 1.5, channels) for part in ("weight", "running_var")})
        state[f"{name}.num_batches_tracked"] = np.array(7)

    def involution(name, channels, size):
        convolution(f"{name}.conv1.conv", channels // 4, channels, 1)
        normalization(f"{name}.conv1.bn", channels // 4)
        convolution(f"{name}.conv2.conv", size**2 * channels // 16, channels // 4, 1, bias=True)
        state[f"{name}.conv2.conv.weight"] /= size**2  # so that outputs keep their size through the depth

    convolution("backbone.stem.0.conv", 32, 3, 3)
    normalization("backbone.stem.0.bn", 32)
    involution("backbone.stem.1", 32, 3)
    normalization("backbone.stem.2", 32)
    convolution("backbone.stem.4.conv", 64, 32, 3)
    normalization("backbone.stem.4.bn", 64)
    before = 64
    for stage, blocks in enumerate((1, 2, 4, 1), start=1):
        middle = 32 * 2**stage
        for block in range(blocks):
            name = f"backbone.layer{stage}.{block}"
            if block == 0:
                convolution(f"{name}.downsample.0", 4 * middle, before, 1)
                normalization(f"{name}.downsample.1", 4 * middle)
            convolution(f"{name}.conv1", middle, before, 1)
            normalization(f"{name}.bn1", middle)
            involution(f"{name}.conv2", middle, 7)
            normalization(f"{name}.bn2", middle)
            convolution(f"{name}.conv3", 4 * middle, middle, 1)
            normalization(f"{name}.bn3", 4 * middle)
            before = 4 * middle
    state["head.fc.weight"], state["head.fc.bias"] = rng.normal(0, 0.05, (classes, 2048)), rng.normal(size=classes)
    return {name: value.astype("float32") for name, value in state.items()}


def official_output(state, images):
    """RedNet-26 in plain NumPy, channels first, with PyTorch's conventions."""

    def windows(x, size, stride, pad, fill=0.0):
        x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], constant_values=fill)
        seen = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
        return seen[:, :, ::stride, ::stride]

    def convolution(x, name, stride=1, pad=0):
        weight = state[f"{name}.weight"]
        outputs = np.einsum("nchwuv,dcuv->ndhw", windows(x, weight.shape[-1], stride, pad), weight, optimize=True)
        return outputs + state.get(f"{name}.bias", np.zeros(1))[:, None, None]

    def normalized(x, name):
        part = {key: state[f"{name}.{key}"][:, None, None] for key in ("weight", "bias", "running_mean", "running_var")}
        return (x - part["running_mean"]) / np.sqrt(part["running_var"] + 1e-5) * part["weight"] + part["bias"]

    def relu(x):
        return np.maximum(x, 0)

    def involution(x, name, size, stride):
        middle = x
        if stride == 2:
            middle = (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4
        hidden = relu(normalized(convolution(middle, f"{name}.conv1.conv"), f"{name}.conv1.bn"))
        kernels = convolution(hidden, f"{name}.conv2.conv")
        images, groups, (height, width) = len(x), x.shape[1] // 16, kernels.shape[2:]
        kernels = kernels.reshape(images, groups, 1, size, size, height, width).transpose(0, 1, 2, 5, 6, 3, 4)
        seen = windows(x, size, stride, size // 2).reshape(images, groups, 16, height, width, size, size)
        return (kernels * seen).sum((-1, -2)).reshape(images, groups * 16, height, width)

    x = relu(normalized(convolution(images, "backbone.stem.0.conv", 2, 1), "backbone.stem.0.bn"))
    x = relu(normalized(involution(x, "backbone.stem.1", 3, 1), "backbone.stem.2"))
    x = relu(normalized(convolution(x, "backbone.stem.4.conv", 1, 1), "backbone.stem.4.bn"))
    x = windows(x, 3, 2, 1, -np.inf).max((-1, -2))
    for stage, blocks in enumerate((1, 2, 4, 1), start=1):
        for block in range(blocks):
            name, stride, shortcut = f"backbone.layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1, x
            if block == 0:
                shortcut = convolution(x, f"{name}.downsample.0", stride)
                shortcut = normalized(shortcut, f"{name}.downsample.1")
            x = relu(normalized(convolution(x, f"{name}.conv1"), f"{name}.bn1"))
            x = relu(normalized(involution(x, f"{name}.conv2", 7, stride), f"{name}.bn2"))
            x = relu(normalized(convolution(x, f"{name}.conv3"), f"{name}.bn3") + shortcut)
    return x.mean((2, 3)) @ state["head.fc.weight"].T + state["head.fc.bias"]


def test_official_weights_give_the_official_outputs(tmp_path):
    state, model = official_state(), rednet(26, (64, 64, 3), 3)
    np.savez(tmp_path / "rednet26.npz", **state)
    load_official_weights(model, tmp_path / "rednet26.npz")
    images = np.random.default_rng(1).normal(size=(2, 64, 64, 3)).astype("float32")
    expected = official_output(state, images.transpose(0, 3, 1, 2))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(np.array(model(images)), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("backbone.layer1.0.conv1.weight"), "missing .'layer1_0_conv1_weight'."),
        (lambda s: s.update({"backbone.extra.weight": np.ones(3)}), "left over .'extra_weight'."),
        (lambda s: s.update({"head.fc.weight": np.ones((4, 2048))}), r"fc_weight has shape \(4, 2048\)"),
        (lambda s: s.update({"backbone.stem.1.conv2.conv.bias": np.ones(17)}), r"bias has shape \(17,\)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path, change, words):
    state, model = official_state(), rednet(26, (64, 64, 3), 3)
    change(state)
    np.savez(tmp_path / "rednet26.npz", **state)
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        load_official_weights(model, tmp_path / "rednet26.npz")
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True))


def test_without_pytorch_a_checkpoint_of_it_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        load_official_weights(rednet(26, (64, 64, 3), 3), "rednet26.pth")


def test_a_checkpoint_of_pytorch_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    model = rednet(26, (64, 64, 3), 3)
    state = {name: torch.tensor(value) for name, value in official_state().items()}
    torch.save({"meta": {}, "state_dict": state}, tmp_path / "rednet26.pth")
    load_official_weights(model, tmp_path / "rednet26.pth")
    assert np.array_equal(np.array(model.get_layer("fc").bias), state["head.fc.bias"].numpy())


# The small one


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_small_rednet_gives_logits_whatever_the_operator(operator):
    model = small_rednet(operator=operator, kernel_size=3)
    assert model(np.zeros((2, 32, 32, 3))).shape == (2, 10)


def test_the_small_rednet_is_a_third_of_the_cnn():
    assert parameters(small_rednet()) <= 106_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"operator": "pooling"}, "`operator` must be one of involution, depthwise, convolution, attention"),
        ({"group_channels": 32}, "`group_channels`, 32, must divide 80"),
    ],
)
def test_a_small_rednet_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        small_rednet(**arguments)


def test_multiply_adds_are_those_counted_by_hand():
    inputs = keras.Input((9, 8, 16))
    x = keras.layers.Conv2D(32, 3, strides=2, padding="same")(inputs)  # 5 x 4 places
    x = keras.layers.DepthwiseConv2D(3, padding="valid")(x)  # 3 x 2 places
    x = Involution2D(5, groups=2, reduction_ratio=4)(x)
    attention = AttentionKernelGenerator(3, groups=2, reduction_ratio=4)
    x = Involution2D(3, groups=2, kernel_generator=attention)(x)
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))
    involution = 6 * (32 * 8 + 8 * 50 + 25 * 32)
    local_attention = 6 * (32 * 8 * 2 + 9 * 8 + 9 * 32)
    assert multiply_adds(model) == 20 * 9 * 16 * 32 + 6 * 9 * 32 + involution + local_attention + 192 * 10


@pytest.mark.parametrize("rule", ["parameters", "multiply_adds"])
def test_no_width_comes_closer_than_the_matched_one(rule):
    quantity, widths = RULES[rule], matched_widths(rule)
    target = quantity(small_rednet())
    for operator in ("depthwise", "convolution"):
        off = {
            n: abs(quantity(small_rednet(operator=operator, width=n / 100)) - target)
            for n in range(round(100 * widths[operator]) - 4, round(100 * widths[operator]) + 5)
        }
        assert off[round(100 * widths[operator])] == min(off.values())


def test_equal_width_is_equal_and_other_rules_are_refused():
    assert set(matched_widths("width").values()) == {1.0}
    with pytest.raises(ValueError, match="`rule` must be one of width, parameters, multiply_adds, time, not 'fair'"):
        matched_widths("fair")
