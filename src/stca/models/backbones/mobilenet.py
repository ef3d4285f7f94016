"""A 2D stream for laptops: MobileNetV2 with last stride 1.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018. Every block widens its
channels, filters each of them alone (a depthwise convolution), and narrows them again without an activation.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stca.models.backbones.resnet2d import initialise

EXPANSION = 6
_STAGES = (
    ((24, 2, 2),),
    ((32, 3, 2),),
    ((64, 4, 2), (96, 3, 1)),
    ((160, 3, 2), (320, 1, 1)),
)
"""Per stage: (channels, blocks, stride of the first block). Only the last stage's stride can be changed."""


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution with a stride.

    In training on a CPU it is computed at every place, and those between are dropped: the same numbers.
    PyTorch 2.13 is slow at the gradient of one with a stride: 85 ms for 32 maps of 96x64x32 in bf16 on a core
    of an AMD EPYC (Zen 4), 1 ms without.
    """

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C i j"]:
        """Filter each channel alone."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        every = F.conv2d(x, self.weight, self.bias, 1, self.padding, self.dilation, self.groups)
        return F.avg_pool2d(every, 1, self.stride)


class InvertedResidual(nn.Sequential):
    """1x1 to more channels, 3x3 on each channel (which carries the stride), 1x1 to fewer; and a shortcut."""

    def __init__(self, channels: int, out: int, *, stride: int = 1, expansion: int = EXPANSION) -> None:
        hidden = channels * expansion
        widen = [] if expansion == 1 else [conv_norm(channels, hidden, 1)]
        super().__init__(
            *widen,
            conv_norm(hidden, hidden, 3, stride=stride, groups=hidden),
            conv_norm(hidden, out, 1, act=False),
        )
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D i j"]:
        """Transform, and add where the shape stays."""
        out = x
        for layer in self:
            out = layer(out)
        return x + out if self.shortcut else out


class MobileNetV2(nn.Module):
    """Stem and four stages, which end at a quarter, an eighth, a sixteenth and a sixteenth of the size.

    Args:
        features: channels of the 1x1 convolution that ends stage 4; 1280 in the paper.
        last_stride: stride of stage 4; 1 keeps the resolution, as re-identification networks do.

    """

    def __init__(self, *, features: int = 1280, last_stride: int = 1) -> None:
        super().__init__()
        if not 1 <= features <= 4096:
            raise ValueError(f"features are 1 to 4096 channels, not {features}")
        self.first = nn.Sequential(conv_norm(3, 32, 3, stride=2), InvertedResidual(32, 16, expansion=1))
        self.channels = (24, 32, 96, features)
        inputs = 16
        for stage, parts in enumerate(_STAGES, start=1):
            blocks: list[nn.Module] = []
            for channels, count, stride in parts:
                first = last_stride if (stage, stride) == (4, 2) else stride
                blocks += [InvertedResidual(inputs, channels, stride=first)]
                blocks += [InvertedResidual(channels, channels) for _ in range(count - 1)]
                inputs = channels
            end = [conv_norm(inputs, features, 1)] if stage == 4 else []
            self.add_module(f"layer{stage}", nn.Sequential(*blocks, *end))
        initialise(self)
        # Depthwise convolutions in float32 on a CPU are several times faster so.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Stem and all stages."""
        return self.stages(self.stem(x), 1, 4)

    def stem(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The first convolution and block: half of the resolution."""
        out: Tensor = self.first(x)
        return out

    def stages(self, x: Float[Tensor, "B C h w"], first: int, last: int) -> Float[Tensor, "B D i j"]:
        """Stages `first` to `last`, both included, counted from 1."""
        for stage in range(first, last + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x


def conv_norm(
    channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, act: bool = True
) -> nn.Sequential:
    """Convolution without bias, batch norm, and ReLU6 unless told otherwise."""
    kind = DepthwiseConv if groups > 1 and stride > 1 else nn.Conv2d
    conv = kind(channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    parts: list[nn.Module] = [conv, nn.BatchNorm2d(out)]
    return nn.Sequential(*parts, nn.ReLU6(inplace=True)) if act else nn.Sequential(*parts)
