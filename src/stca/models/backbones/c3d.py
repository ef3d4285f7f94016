"""C3D as a 3D stream (Tran et al., "Learning spatiotemporal features with 3D CNNs", ICCV 2015)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import BatchNorm3d, Conv3d
from stca.models.backbones.resnet2d import check_shape, initialise
from stca.models.backbones.resnet3d import Stream3d, stem_conv


class C3D(Stream3d):
    """3x3x3 convolutions and pooling, arranged in stages of the same resolution as a ResNet's.

    The stem is conv1a and conv2a with their pools, stages 1 to 3 are conv3 to conv5 (the second and third
    behind pool3 and pool4), stage 4 is pool5. The original trained its convolutions with biases and without
    batch norm; here every one has a batch norm in place of the bias, since nothing else would train from
    scratch beside a ResNet.

    Args:
        layers: its length says how many stages there are, 1 to 4; every stage has C3D's own depth.
        width: of conv1a; 64 is C3D.
        stem_frames: frames under the first kernel, an odd number; 3 is C3D.

    """

    def __init__(
        self, *, layers: tuple[int, ...] = (2, 2, 2, 0), width: int = 64, stem_frames: int = 3
    ) -> None:
        super().__init__()
        check_shape(tuple(max(1, count) for count in layers), width)
        if not 1 <= len(layers) <= 4:
            raise ValueError(f"layers name one to four stages, not {layers}")
        self.channels = (4 * width, 8 * width, 8 * width, 8 * width)[: len(layers)]
        first = stem_conv(width, (stem_frames, 3, 3), stride=(1, 1, 1))
        self.first = nn.Sequential(
            *(first, BatchNorm3d(width), nn.ReLU(inplace=True), nn.MaxPool3d((1, 2, 2))),
            *(*_conv(width, 2 * width), _pool()),
        )
        stages = (
            nn.Sequential(*_conv(2 * width, 4 * width), *_conv(4 * width, 4 * width)),
            nn.Sequential(_pool(), *_conv(4 * width, 8 * width), *_conv(8 * width, 8 * width)),
            nn.Sequential(_pool(), *_conv(8 * width, 8 * width), *_conv(8 * width, 8 * width)),
            nn.Sequential(_pool()),
        )
        for number, stage in enumerate(stages[: len(layers)], start=1):
            self.add_module(f"layer{number}", stage)
        initialise(self)

    def stem(self, x: Float[Tensor, "B 3 T H W"]) -> Float[Tensor, "B C t h w"]:
        """conv1a, pool1, conv2a, pool2: a quarter of the resolution, half the frames."""
        out: Tensor = self.first(x)
        return out


def _conv(channels: int, out: int) -> tuple[nn.Module, ...]:
    return Conv3d(channels, out, 3, padding=1, bias=False), BatchNorm3d(out), nn.ReLU(inplace=True)


def _pool() -> nn.MaxPool3d:
    """Halve time and space; what is single stays."""
    return nn.MaxPool3d(2, ceil_mode=True)
