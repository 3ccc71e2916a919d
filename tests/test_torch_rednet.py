"""The official weights against an independent RedNet-26 in PyTorch: the same file, the same outputs."""

import keras
import numpy as np
import pytest

from involution_utils.models import load_official_weights, rednet

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = [pytest.mark.torch, pytest.mark.skipif(keras.backend.backend() == "jax", reason="float64 by default")]

CLASSES = 3


class ConvModule(nn.Sequential):
    """A convolution, perhaps with batch normalization and ReLU, under the official names."""

    def __init__(self, before, after, size=1, stride=1, bias=False, normalized=True):
        super().__init__()
        self.add_module("conv", nn.Conv2d(before, after, size, stride, size // 2, bias=bias))
        if normalized:
            self.add_module("bn", nn.BatchNorm2d(after))
            self.add_module("relu", nn.ReLU())


class Involution(nn.Module):
    """The paper's algorithm 1, by `unfold`: groups of 16 channels, reduction ratio 4."""

    def __init__(self, channels, size, stride):
        super().__init__()
        self.size, self.stride, self.groups = size, stride, channels // 16
        self.conv1 = ConvModule(channels, channels // 4)
        self.conv2 = ConvModule(channels // 4, size**2 * self.groups, bias=True, normalized=False)
        self.pool = nn.AvgPool2d(stride, stride) if stride > 1 else nn.Identity()
        self.unfold = nn.Unfold(size, padding=size // 2, stride=stride)

    def forward(self, x):
        kernels = self.conv2(self.conv1(self.pool(x)))
        images, _, height, width = kernels.shape
        kernels = kernels.view(images, self.groups, 1, self.size**2, height, width)
        seen = self.unfold(x).view(images, self.groups, 16, self.size**2, height, width)
        return (kernels * seen).sum(3).view(images, -1, height, width)


class Bottleneck(nn.Module):
    def __init__(self, before, middle, stride, first):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = Involution(middle, 7, stride), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, 4 * middle, 1, bias=False), nn.BatchNorm2d(4 * middle)
        self.downsample = nn.Identity()
        if first:
            shortcut = nn.Conv2d(before, 4 * middle, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * middle))

    def forward(self, x):
        inner = torch.relu(self.bn1(self.conv1(x)))
        inner = torch.relu(self.bn2(self.conv2(inner)))
        return torch.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        third, fifth = Involution(32, 3, 1), ConvModule(32, 64, 3)
        self.stem = nn.Sequential(ConvModule(3, 32, 3, 2), third, nn.BatchNorm2d(32), nn.ReLU(), fifth)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        before = 64
        for stage, blocks in enumerate((1, 2, 4, 1), start=1):
            middle, made = 32 * 2**stage, []
            for block in range(blocks):
                made.append(Bottleneck(before, middle, 2 if stage > 1 and block == 0 else 1, block == 0))
                before = 4 * middle
            setattr(self, f"layer{stage}", nn.Sequential(*made))

    def forward(self, x):
        return self.layer4(self.layer3(self.layer2(self.layer1(self.maxpool(self.stem(x))))))


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2048, CLASSES)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


class RedNet26(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = Backbone(), Head()

    def forward(self, x):
        return self.head(self.backbone(x))


def test_a_checkpoint_of_an_independent_build_gives_its_outputs(tmp_path):
    torch.manual_seed(0)
    theirs = RedNet26().eval()
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, nn.BatchNorm2d):  # as after training, not the identity that it is at the start
                for tensor, low, high in (
                    (module.weight, 0.5, 1.5),
                    (module.bias, -0.2, 0.2),
                    (module.running_mean, -0.2, 0.2),
                    (module.running_var, 0.5, 1.5),
                ):
                    tensor.uniform_(low, high)
    torch.save({"meta": {"epoch": 1}, "state_dict": theirs.state_dict()}, tmp_path / "rednet26.pth")
    ours = rednet(26, (64, 64, 3), CLASSES)
    load_official_weights(ours, tmp_path / "rednet26.pth")
    images = np.random.default_rng(1).normal(size=(2, 64, 64, 3)).astype("float32")
    with torch.no_grad():
        expected = theirs(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    assert np.ptp(expected) > 0.01
    found = keras.ops.convert_to_numpy(ours(images, training=False))
    np.testing.assert_allclose(found, expected, atol=1e-4 * max(1, np.abs(expected).max()))
