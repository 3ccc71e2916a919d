"""Trained weights: the official checkpoints against an independent RedNet in NumPy, and the models that ship."""

import functools
import json
import pickle
import sys

import numpy as np
import pytest

from involution_utils.analysis import count_parameters
from involution_utils.models import PRETRAINED, involution_classifier, load_official_weights, load_trained, rednet
from involution_utils.training import save_model

pytestmark = pytest.mark.usefixtures("plain")


@functools.cache
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


@pytest.fixture(scope="module")
def network():
    """A RedNet-26, which takes seconds to build."""
    return rednet(26, (64, 64, 3), 3)


def test_official_weights_give_the_official_outputs(tmp_path, network):
    state = official_state()
    np.savez(tmp_path / "rednet26.npz", **state)
    load_official_weights(network, tmp_path / "rednet26.npz")
    images = np.random.default_rng(1).normal(size=(2, 64, 64, 3)).astype("float32")
    expected = official_output(state, images.transpose(0, 3, 1, 2))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(np.array(network(images)), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("backbone.layer1.0.conv1.weight"), "missing .'layer1_0_conv1_weight'."),
        (lambda s: s.update({"backbone.extra.weight": np.ones(3)}), "left over .'extra_weight'."),
        (lambda s: s.update({"head.fc.weight": np.ones((4, 2048))}), r"fc_weight has shape \(4, 2048\)"),
        (lambda s: s.update({"backbone.stem.1.conv2.conv.bias": np.ones(17)}), r"bias has shape \(17,\)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path, change, words, network):
    state = official_state().copy()
    change(state)
    np.savez(tmp_path / "rednet26.npz", **state)
    before = network.get_weights()
    with pytest.raises(ValueError, match=words):
        load_official_weights(network, tmp_path / "rednet26.npz")
    assert all(np.array_equal(*pair) for pair in zip(before, network.get_weights(), strict=True))


def test_without_pytorch_a_checkpoint_of_it_is_refused(monkeypatch, network):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        load_official_weights(network, "rednet26.pth")


def test_a_checkpoint_of_pytorch_is_read(tmp_path, network):
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(value) for name, value in official_state().items()}
    torch.save({"meta": {}, "state_dict": state}, tmp_path / "rednet26.pth")
    load_official_weights(network, tmp_path / "rednet26.pth")
    assert np.array_equal(np.array(network.get_layer("fc").bias), state["head.fc.bias"].numpy())


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_checkpoint_of_paddle_gives_the_weights_of_the_official_one(tmp_path, protocol, network):
    state = official_state(seed=protocol)
    parts = {"running_mean": "_mean", "running_var": "_variance", "weight": "weight", "bias": "bias"}
    paddle = {}
    for name, value in state.items():
        layer, _, part = name.removeprefix("backbone.").removeprefix("head.").rpartition(".")
        if part in parts:
            paddle[f"{layer}.{parts[part]}"] = value.T if layer == "fc" else value
    paddle["StructuredToParameterName@@"] = {name: f"conv2d_{i}.w_0" for i, name in enumerate(paddle)}
    (tmp_path / "rednet26.pdparams").write_bytes(pickle.dumps(paddle, protocol))
    np.savez(tmp_path / "rednet26.npz", **state)
    loaded = []
    for file in ("rednet26.pdparams", "rednet26.npz"):
        for weight in network.weights:
            weight.assign(np.full(weight.shape, np.nan))
        load_official_weights(network, tmp_path / file)
        loaded.append(network.get_weights())
    for pair in zip(*loaded, strict=True):
        np.testing.assert_array_equal(*pair)


class Asks:
    """Asks, when unpickled, for a file to be made."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("content", ["code", "object array", "pickled field", "damaged", "no dict", "no pickle"])
def test_a_checkpoint_of_paddle_that_holds_more_than_numbers_is_refused(tmp_path, content, network):
    asks, path = Asks(tmp_path / "made"), tmp_path / "rednet26.pdparams"
    whole = pickle.dumps({"fc.weight": np.ones((3, 2))}, 4)
    path.write_bytes(
        {
            "code": pickle.dumps({"fc.weight": asks}, 2),
            "object array": pickle.dumps({"fc.weight": np.array([asks])}, 4),
            "pickled field": pickle.dumps({"fc.weight": np.zeros(2, [("a", "O")])}, 4),
            "damaged": whole[: len(whole) // 2],
            "no dict": pickle.dumps([1, 2]),
            "no pickle": b"<html>Sign in to your account</html>",
        }[content]
    )
    with pytest.raises(ValueError, match="`path` must be a checkpoint of Paddle"):
        load_official_weights(network, path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_model_that_ships_has_its_record_beside_it(name, capsys):
    model, record = load_trained(name, dataset="cifar10")
    assert capsys.readouterr().out == f"{name}: ships with the package\n"
    assert (record["model"], record["dataset"], record["pixels"]) == (name, "cifar10", "jpeg")
    assert record["trainable_parameters"] == count_parameters(model)


def test_a_model_of_ones_own_comes_with_its_own_record(tmp_path, capsys, monkeypatch):
    name = "involution_classifier"
    shipped, theirs = load_trained(name, tmp_path)
    own = involution_classifier()
    save_model(own, tmp_path / f"{name}.keras")
    record = {"model": name, "dataset": "shapes", "epochs": 1, "test_accuracy": 0.125}
    (tmp_path / f"{name}.json").write_text(json.dumps(record))
    capsys.readouterr()
    loaded, ours = load_trained(name, tmp_path, "cifar10")
    expected = f"{name}: trained by notebook 03; it was trained on shapes, and knows nothing of cifar10\n"
    assert capsys.readouterr().out == expected
    assert ours == record != theirs
    np.testing.assert_array_equal(loaded.get_weights()[0], own.get_weights()[0])
    assert not np.array_equal(loaded.get_weights()[0], shipped.get_weights()[0])
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_trained(name, "~", "shapes")[1] == record
    assert capsys.readouterr().out == f"{name}: trained by notebook 03\n"


@pytest.mark.parametrize("content", [None, "[]", "3", '{"model": "other", "test_accuracy": 0.9}', "[" * 100_000, "{"])
def test_a_record_that_is_none_is_not_believed(tmp_path, capsys, content):
    save_model(involution_classifier(), tmp_path / "involution_classifier.keras")
    if content is not None:
        (tmp_path / "involution_classifier.json").write_text(content)
    assert load_trained("involution_classifier", tmp_path, "cifar10")[1] == {}
    assert "no record beside it" in capsys.readouterr().out
