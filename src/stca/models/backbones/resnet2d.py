"""The 2D stream: ResNet with bottlenecks, optionally with IBN-a or squeeze and excitation, last stride 1.

He et al., "Deep residual learning for image recognition", CVPR 2016; Pan et al., "Two at once", ECCV 2018
(IBN-a: the first normalisation of every block in conv2_x to conv4_x is half instance, half batch norm);
Hu et al., "Squeeze-and-excitation networks", CVPR 2018. Parameter names follow the usual checkpoints: conv1,
bn1, layer1 to layer4, bn1.IN, bn1.BN, se.fc1, se.fc2, downsample.0/1.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.channels import join_channels, split_channels
from stca.models.backbones.layers3d import is_bf16_on_cpu

Norm = Literal["bn", "ibn-a"]

EXPANSION = 4
_LARGE_MAP = 2**15
"""Values per image from which a call per image costs less than channels that do not stay last."""


class IBN(nn.Module):
    """Instance norm on the first half of the channels, batch norm on the rest."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = channels // 2
        self.IN = nn.InstanceNorm2d(self.split, affine=True)
        self.BN = nn.BatchNorm2d(channels - self.split)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Normalise. Large maps in bf16 on a CPU so that channels stay last, several times faster."""
        if not is_bf16_on_cpu(x) or x[0].numel() < _LARGE_MAP:
            return torch.cat((self.IN(x[:, : self.split]), self.BN(x[:, self.split :])), dim=1)
        single, batch = split_channels(x, self.split)
        images = [  # a batch norm that sees one image is an instance norm
            F.batch_norm(image, None, None, self.IN.weight, self.IN.bias, True, eps=self.IN.eps)
            for image in torch.split(single, 1)
        ]
        return join_channels(torch.cat(images), self.BN(batch))


class SqueezeExcitation(nn.Module):
    """Every channel times a weight between 0 and 1 that depends on the means of all channels."""

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Weigh."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(mean))))


class Bottleneck2d(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, and a shortcut."""

    def __init__(
        self, channels: int, width: int, *, stride: int = 1, ibn: bool = False, se: bool = False
    ) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = IBN(width) if ibn else nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.se = SqueezeExcitation(out) if se else nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            conv = nn.Conv2d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(out))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D i j"]:
        """Transform and add."""
        out: Tensor = self.relu(self.before_relu(x))
        return out

    def before_relu(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D i j"]:
        """The block without its last ReLU."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.se(self.bn3(self.conv3(x))) + shortcut
        return out


class ResNet2d(nn.Module):
    """Stem and four stages; conv2_x to conv5_x are stages 1 to 4.

    Args:
        layers: blocks per stage; (3, 4, 6, 3) is ResNet-50.
        width: of the first stage's bottlenecks; 64 is ResNet-50.
        norm: "bn", or "ibn-a" in stages 1 to 3.
        se: squeeze and excitation in every block.
        last_stride: stride of stage 4; 1 keeps the resolution, as re-identification networks do.

    """

    def __init__(
        self,
        *,
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        norm: Norm = "ibn-a",
        se: bool = False,
        last_stride: int = 1,
    ) -> None:
        super().__init__()
        check_shape(layers, width)
        if len(layers) != 4:
            raise ValueError(f"layers are blocks of four stages, not {layers}")
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.channels = tuple(width * EXPANSION * 2**stage for stage in range(4))
        inputs = (width, *self.channels[:3])
        for stage, stride in enumerate((1, 2, 2, last_stride)):
            ibn = norm == "ibn-a" and stage < 3
            blocks = [Bottleneck2d(inputs[stage], width * 2**stage, stride=stride, ibn=ibn, se=se)]
            blocks += [
                Bottleneck2d(self.channels[stage], width * 2**stage, ibn=ibn, se=se)
                for _ in range(layers[stage] - 1)
            ]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        initialise(self)
        # A sixth faster in float32 and 1.7 times in bf16, on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Stem and all stages."""
        return self.stages(self.stem(x), 1, 4)

    def stem(self, x: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Convolution and pooling: a quarter of the resolution."""
        pooled: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return pooled

    def stages(self, x: Float[Tensor, "B C h w"], first: int, last: int) -> Float[Tensor, "B D i j"]:
        """Stages `first` to `last`, both included, counted from 1."""
        for stage in range(first, last + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x


def check_shape(layers: tuple[int, ...], width: int) -> None:
    """Raise ValueError where a ResNet's stages or width make no sense."""
    if not all(isinstance(n, int) and 1 <= n <= 200 for n in layers) or not 1 <= width <= 4096:
        raise ValueError(f"layers are 1 to 200 blocks each and width 1 to 4096, not {layers} and {width}")


def initialise(module: nn.Module) -> None:
    """He initialisation of every convolution; norms start as the identity."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
