"""The 3D stream: ResNet with 3D bottlenecks.

Hara et al., "Can spatiotemporal 3D CNNs retrace the history of 2D CNNs and ImageNet?", CVPR 2018.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.resnet2d import EXPANSION, check_shape, initialise


class Conv3d(nn.Conv3d):
    """`nn.Conv3d` that stays in float32 where bf16 is wrong.

    PyTorch 2.13 on a CPU gets the bf16 gradient of a kernel wrong where the input is smaller than the kernel
    in any direction, and says nothing: relative errors of 0.7 to infinity were measured at 2 frames under a
    kernel of 3 (which full STCA reaches at 8 frames), and memory corruption at 4 frames under 7.
    """

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B D s i j"]:
        """Convolve."""
        fits = all(size >= kernel for size, kernel in zip(x.shape[2:], self.kernel_size, strict=True))
        if fits or x.device.type != "cpu" or not self.training:
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class Bottleneck3d(nn.Module):
    """1x1x1, 3x3x3 (which carries the stride), 1x1x1, and a shortcut."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = Conv3d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = Conv3d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = Conv3d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != out:
            conv = Conv3d(channels, out, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm3d(out))

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B D s i j"]:
        """Transform and add."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return out


class ResNet3d(nn.Module):
    """Stem at stride (1, 2, 2), max-pool at stride 2, then `len(layers)` stages.

    Stages after the first halve time and space. Stages 1 to 3 are conv2_x to conv4_x.

    Args:
        layers: blocks per stage; (3, 4, 6) is ResNet3D-50 without its last stage.
        width: of the first stage's bottlenecks; 64 is ResNet3D-50.
        stem_frames: frames under the stem's kernel, an odd number; 7 is ResNet3D-50.

    """

    def __init__(self, *, layers: tuple[int, ...] = (3, 4, 6), width: int = 64, stem_frames: int = 7) -> None:
        super().__init__()
        check_shape(layers, width)
        if stem_frames < 1 or stem_frames % 2 == 0:
            raise ValueError(f"stem_frames is an odd number, not {stem_frames}")
        kernel, padding = (stem_frames, 7, 7), (stem_frames // 2, 3, 3)
        self.conv1 = Conv3d(3, width, kernel, stride=(1, 2, 2), padding=padding, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        self.channels = tuple(width * EXPANSION * 2**stage for stage in range(len(layers)))
        inputs = (width, *self.channels)
        for stage, count in enumerate(layers):
            blocks = [Bottleneck3d(inputs[stage], width * 2**stage, stride=1 if stage == 0 else 2)]
            blocks += [Bottleneck3d(self.channels[stage], width * 2**stage) for _ in range(count - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.num_stages = len(layers)
        initialise(self)

    def forward(self, x: Float[Tensor, "B 3 T H W"]) -> Float[Tensor, "B C t h w"]:
        """All stages."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(1, self.num_stages + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return x
