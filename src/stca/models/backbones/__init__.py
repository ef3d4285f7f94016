"""The networks that can be the 2D or the 3D stream."""

from stca.models.backbones.create import (
    BACKBONES_2D,
    BACKBONES_3D,
    choose,
    create_stream2d,
    create_stream3d,
)

__all__ = ["BACKBONES_2D", "BACKBONES_3D", "choose", "create_stream2d", "create_stream3d"]
