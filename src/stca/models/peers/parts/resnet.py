"""ResNet-50 as the peers have it: 2D, or 3D with kernels over one frame each; and what puts blocks into it.

A place is (stage, block): the stage counted from 1, as in `layer1`, the block of the plain ResNet from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import MaxPool3d
from stca.models.backbones.resnet2d import ResNet2d
from stca.models.backbones.resnet3d import Bottleneck3d, ResNet3d

LAYERS = (3, 4, 6, 3)
WIDTH = 64

Place = tuple[int, int]


def resnet50_2d(
    layers: Sequence[int] = LAYERS,
    width: int = WIDTH,
    *,
    last_stride: int = 1,
    stem_relu: bool = True,
    se: bool = False,
) -> ResNet2d:
    """ResNet-50 for images (N, 3, H, W).

    Args:
        layers: blocks per stage, four numbers.
        width: of the first stage's bottlenecks.
        last_stride: of stage 4; 1 keeps the resolution.
        stem_relu: False leaves out the ReLU between the stem's norm and its max-pooling.
        se: squeeze and excitation in every block.

    """
    trunk = ResNet2d(layers=tuple(layers), width=width, norm="bn", se=se, last_stride=last_stride)  # type: ignore[arg-type]
    if not stem_relu:
        trunk.relu = nn.Identity()  # type: ignore[assignment]
    return trunk


class ResNet50OverTime(ResNet3d):
    """ResNet-50 for clips (B, 3, T, H, W) whose kernels all see one frame; last stride 1, no stride in time.

    Alone it computes what a 2D ResNet-50 does on every frame. What a peer puts between sees the whole clip.
    """

    def __init__(self, layers: Sequence[int] = LAYERS, width: int = WIDTH) -> None:
        super().__init__(layers=tuple(layers), width=width, stem_frames=1)
        self.maxpool = MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def _block(self, stage: int, number: int, channels: int, width: int) -> Bottleneck3d:
        stride = 2 if number == 0 and stage in (1, 2) else 1
        return Bottleneck3d(channels, width * 2**stage, stride=(1, stride, stride), frames=(1, 1))


def stage_of(trunk: ResNet2d | ResNet3d, stage: int) -> nn.Sequential:
    """`layer<stage>` of a ResNet."""
    blocks = trunk.get_submodule(f"layer{stage}")
    assert isinstance(blocks, nn.Sequential)
    return blocks


def insert_after(
    trunk: ResNet2d | ResNet3d, places: Sequence[Place], make: Callable[[int], nn.Module]
) -> None:
    """Put `make(channels)` behind blocks, as further entries of their stages; later indices shift.

    Places that a smaller trunk does not have are left out.
    """
    for stage, block in sorted(places, reverse=True):
        if block >= len(stage_of(trunk, stage)):
            continue
        stage_of(trunk, stage).insert(block + 1, make(trunk.channels[stage - 1]))


def map_size(image_size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Height and width of a map of this total stride, a power of two: halves are rounded up each time."""
    return -(-image_size[0] // stride), -(-image_size[1] // stride)


def each_frame(
    network: Callable[[Tensor], Tensor], clips: Float[Tensor, "B T C h w"]
) -> Float[Tensor, "B T D i j"]:
    """What a 2D network makes of every frame."""
    return torch.unflatten(network(clips.flatten(0, 1)), 0, clips.shape[:2])
