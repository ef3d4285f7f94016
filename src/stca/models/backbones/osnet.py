"""OSNet, an image network whose blocks see several scales at once.

Zhou et al., "Omni-scale feature learning for person re-identification", ICCV 2019; with instance norm (IBN,
AIN): Zhou et al., "Learning generalisable omni-scale representations for person re-identification", TPAMI
2021. Where the papers leave a detail open, it is as in the weights that torchreid publishes.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.resnet2d import initialise

Variant = Literal["bn", "ibn", "ain"]
InstanceNormPlace = Literal["none", "inside", "after"]

_FULL_WIDTH = (64, 256, 384, 512)
_SCALES = 4
_REDUCTION, _GATE_REDUCTION = 4, 16
_INSTANCE_NORM: dict[Variant, tuple[InstanceNormPlace, ...]] = {
    "bn": ("none",) * 6,
    "ibn": ("after", "after", "none", "none", "none", "none"),
    "ain": ("inside", "inside", "none", "inside", "inside", "none"),
}
"""Of the six blocks: none, on the residual before the sum, or after the sum."""


def _conv_norm(
    channels: int, out: int, kernel: int = 1, *, stride: int = 1, instance: bool = False
) -> nn.Module:
    conv = nn.Conv2d(channels, out, kernel, stride=stride, padding=kernel // 2, bias=False)
    norm = nn.InstanceNorm2d(out, affine=True) if instance else nn.BatchNorm2d(out)
    return nn.Sequential(conv, norm, nn.ReLU(inplace=True))


class LightConv(nn.Module):
    """A 3x3 convolution split in two: over channels (1x1), then over places, each channel by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.depthwise = nn.Sequential(depthwise, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))

    def forward(self, x: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Convolve."""
        out: Tensor = self.depthwise(self.pointwise(x))
        return out


class AggregationGate(nn.Module):
    """Channels times weights between 0 and 1 that follow from their means; shared by all scales (eq. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // _GATE_REDUCTION, 1)
        self.expand = nn.Conv2d(channels // _GATE_REDUCTION, channels, 1)

    def forward(self, x: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Weigh the channels."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(torch.relu(self.squeeze(mean))))


class OmniScaleBlock(nn.Module):
    """A bottleneck whose middle has four streams of 1, 2, 3 and 4 light 3x3 convolutions (figure 3).

    Args:
        channels: of the input.
        out: channels of the output, a multiple of 64.
        instance_norm: "none", "inside" (of the residual, in place of its last batch norm), or "after" the sum
            of residual and shortcut.

    """

    def __init__(self, channels: int, out: int, *, instance_norm: InstanceNormPlace) -> None:
        super().__init__()
        middle = out // _REDUCTION
        self.reduce = _conv_norm(channels, middle)
        self.scales = nn.ModuleList(
            nn.Sequential(*(LightConv(middle) for _ in range(depth))) for depth in range(1, _SCALES + 1)
        )
        self.gate = AggregationGate(middle)
        norm = nn.InstanceNorm2d(out, affine=True) if instance_norm == "inside" else nn.BatchNorm2d(out)
        self.expand = nn.Sequential(nn.Conv2d(middle, out, 1, bias=False), norm)
        self.shortcut: nn.Module = nn.Identity()
        if channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out))
        self.after = nn.InstanceNorm2d(out, affine=True) if instance_norm == "after" else nn.Identity()

    def forward(self, x: Float[Tensor, "N C h w"]) -> Float[Tensor, "N D h w"]:
        """Residual plus shortcut."""
        reduced = self.reduce(x)
        mixed = torch.stack([self.gate(scale(reduced)) for scale in self.scales]).sum(dim=0)
        return torch.relu(self.after(self.expand(mixed) + self.shortcut(x)))


class OSNet(nn.Module):
    """Images to vectors.

    Args:
        width: multiplier of all channels: 1, 0.75, 0.5 or 0.25.
        variant: "bn"; "ibn" (instance norm after the sum in the first stage) or "ain" (instance norm inside
            the residuals of four blocks), both with instance norm in the stem.
        dim: D; 512 in all published networks.

    """

    def __init__(self, *, width: float = 1.0, variant: Variant = "bn", dim: int = 512) -> None:
        super().__init__()
        stem, *stages = (int(channels * width) for channels in _FULL_WIDTH)
        places = iter(_INSTANCE_NORM[variant])
        self.dim = dim
        self.stem = _conv_norm(3, stem, 7, stride=2, instance=variant != "bn")
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = stem
        for number, out in enumerate(stages, start=1):
            first = OmniScaleBlock(channels, out, instance_norm=next(places))
            second = OmniScaleBlock(out, out, instance_norm=next(places))
            self.add_module(f"stage{number}", nn.Sequential(first, second))
            # Stages 1 and 2 end in half the resolution.
            end = (_conv_norm(out, out), nn.AvgPool2d(2)) if number < 3 else (_conv_norm(out, out),)
            self.add_module(f"transition{number}", nn.Sequential(*end))
            channels = out
        self.project = nn.Sequential(nn.Linear(channels, dim), nn.BatchNorm1d(dim), nn.ReLU(inplace=True))
        initialise(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
        """RGB, ImageNet-normalised; the published networks were trained at 256x128."""
        x = self.maxpool(self.stem(images))
        for number in (1, 2, 3):
            x = self.get_submodule(f"transition{number}")(self.get_submodule(f"stage{number}")(x))
        vectors: Tensor = self.project(x.mean(dim=(2, 3)))
        return vectors
