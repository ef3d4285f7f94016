"""The 3D stream: ResNet with 3D bottlenecks, or a 2D ResNet inflated in time.

Hara et al., "Can spatiotemporal 3D CNNs retrace the history of 2D CNNs and ImageNet?", CVPR 2018; Carreira
and Zisserman, "Quo vadis, action recognition?", CVPR 2017, as Wang et al., "Non-local neural networks", CVPR
2018, carried it over to ResNet-50.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import BatchNorm3d, Conv3d, MaxPool3d
from stca.models.backbones.resnet2d import EXPANSION, check_shape, initialise


class Bottleneck3d(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, each over some frames, and a shortcut.

    Args:
        channels: that come in.
        width: of the middle; four times as many come out.
        stride: of time, height and width.
        frames: under the first and under the second kernel.

    """

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        stride: tuple[int, int, int] = (1, 1, 1),
        frames: tuple[int, int] = (1, 3),
    ) -> None:
        super().__init__()
        out = width * EXPANSION
        first, second = ((count, count // 2) for count in frames)
        self.conv1 = Conv3d(channels, width, (first[0], 1, 1), padding=(first[1], 0, 0), bias=False)
        self.bn1 = BatchNorm3d(width)
        kernel, padding = (second[0], 3, 3), (second[1], 1, 1)
        self.conv2 = Conv3d(width, width, kernel, stride=stride, padding=padding, bias=False)
        self.bn2 = BatchNorm3d(width)
        self.conv3 = Conv3d(width, out, 1, bias=False)
        self.bn3 = BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != (1, 1, 1) or channels != out:
            conv = Conv3d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, BatchNorm3d(out))

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B D s i j"]:
        """Transform and add."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return out


class Stream3d(nn.Module):
    """A 3D stream: a stem to a quarter of the resolution, then stages `layer1`, `layer2`, ...

    Stages after the first halve height and width, so that stage n fits stage n of the 2D stream.
    """

    channels: tuple[int, ...]
    """After each stage."""

    def stem(self, x: Float[Tensor, "B 3 T H W"]) -> Float[Tensor, "B C t h w"]:
        """What comes before the first stage."""
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "B 3 T H W"]) -> Float[Tensor, "B C t h w"]:
        """Stem and all stages."""
        return self.stages(self.stem(x), 1, len(self.channels))

    def stages(self, x: Float[Tensor, "B C t h w"], first: int, last: int) -> Float[Tensor, "B D s i j"]:
        """Stages `first` to `last`, both included, counted from 1."""
        for stage in range(first, last + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x


class ResNet3d(Stream3d):
    """Stem at stride (1, 2, 2), max-pool at stride 2, then `len(layers)` stages.

    Stages after the first halve time and space. Stages 1 to 4 are conv2_x to conv5_x.

    Args:
        layers: blocks per stage; (3, 4, 6, 3) is ResNet3D-50.
        width: of the first stage's bottlenecks; 64 is ResNet3D-50.
        stem_frames: frames under the stem's kernel, an odd number; 7 is ResNet3D-50.

    """

    def __init__(
        self, *, layers: tuple[int, ...] = (3, 4, 6, 3), width: int = 64, stem_frames: int = 7
    ) -> None:
        super().__init__()
        check_shape(layers, width)
        self.conv1 = stem_conv(width, (stem_frames, 7, 7), stride=(1, 2, 2))
        self.bn1 = BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = MaxPool3d((3, 3, 3), (2, 2, 2), (1, 1, 1))
        self.channels = tuple(width * EXPANSION * 2**stage for stage in range(len(layers)))
        inputs = (width, *self.channels)
        for stage, count in enumerate(layers):
            blocks = [
                self._block(stage, n, inputs[stage if n == 0 else stage + 1], width) for n in range(count)
            ]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        initialise(self)

    def _block(self, stage: int, number: int, channels: int, width: int) -> Bottleneck3d:
        stride = 2 if number == 0 and stage > 0 else 1
        return Bottleneck3d(channels, width * 2**stage, stride=(stride, stride, stride))

    def stem(self, x: Float[Tensor, "B 3 T H W"]) -> Float[Tensor, "B C t h w"]:
        """Convolution and pooling."""
        pooled: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return pooled


class InflatedResNet3d(ResNet3d):
    """A 2D ResNet of which some kernels grew in time (I3D): the stem, and every second block's first one.

    In conv2_x every block has one, as is usual. Time is halved once, between conv2_x and conv3_x. Parameter
    names are those of a 2D ResNet, so that `load_weights(..., inflate=True)` fills it.

    Args:
        layers: blocks per stage.
        width: of the first stage's bottlenecks.
        stem_frames: frames under the stem's kernel, an odd number.

    """

    def __init__(
        self, *, layers: tuple[int, ...] = (3, 4, 6, 3), width: int = 64, stem_frames: int = 5
    ) -> None:
        super().__init__(layers=layers, width=width, stem_frames=stem_frames)
        self.maxpool = MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        if len(layers) > 1:
            self.get_submodule("layer1").append(HalveTime())  # type: ignore[operator]

    def _block(self, stage: int, number: int, channels: int, width: int) -> Bottleneck3d:
        stride = 2 if number == 0 and stage > 0 else 1
        in_time = stage == 0 or number % 2 == (1 if stage == 3 else 0)  # in conv5_x the second
        frames = (3 if in_time else 1, 1)
        return Bottleneck3d(channels, width * 2**stage, stride=(1, stride, stride), frames=frames)


class HalveTime(nn.MaxPool3d):
    """The larger of every two neighbouring frames; a single frame stays."""

    def __init__(self) -> None:
        super().__init__((2, 1, 1), ceil_mode=True)


def stem_conv(width: int, kernel: tuple[int, int, int], *, stride: tuple[int, int, int]) -> Conv3d:
    """The first convolution; ValueError where its number of frames has no middle."""
    if kernel[0] < 1 or kernel[0] % 2 == 0:
        raise ValueError(f"stem_frames is an odd number, not {kernel[0]}")
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return Conv3d(3, width, kernel, stride=stride, padding=padding, bias=False)
