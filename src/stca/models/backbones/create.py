"""The networks that can stand for the two streams, by name (section 4.2: "a wide range of extractors")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from stca.errors import ConfigError
from stca.models.backbones.c3d import C3D
from stca.models.backbones.mobilenet import MobileNetV2
from stca.models.backbones.resnet2d import ResNet2d
from stca.models.backbones.resnet3d import InflatedResNet3d, ResNet3d, Stream3d
from stca.tools.lookup import suggest

Item = TypeVar("Item")

Stream2d = ResNet2d | MobileNetV2


def _mobilenet(*, layers: tuple[int, ...], width: int, features: int = 1280) -> MobileNetV2:
    """Its depth and width are its own, whatever it is told: both are those of ResNets."""
    return MobileNetV2(features=features)


BACKBONES_2D: dict[str, Callable[..., Stream2d]] = {
    "resnet50": partial(ResNet2d, norm="bn"),
    "resnet50_ibn_a": partial(ResNet2d, norm="ibn-a"),
    "se_resnet50": partial(ResNet2d, norm="bn", se=True),
    "mobilenet_v2": _mobilenet,
    "mobilenet_v2_512": partial(_mobilenet, features=512),
}
BACKBONES_3D: dict[str, Callable[..., Stream3d]] = {
    "resnet3d_50": ResNet3d,
    "i3d_resnet50": InflatedResNet3d,
    "c3d": C3D,
}


def create_stream2d(name: str, *, layers: tuple[int, int, int, int], width: int) -> Stream2d:
    """A 2D stream with four stages.

    Raises:
        ConfigError: there is no such backbone.

    """
    return choose(BACKBONES_2D, name, kind="backbone2d")(layers=layers, width=width)


def create_stream3d(
    name: str, *, layers: tuple[int, ...], width: int, stem_frames: int | None = None
) -> Stream3d:
    """A 3D stream with as many stages as `layers` has entries; None: the backbone's own `stem_frames`.

    Raises:
        ConfigError: there is no such backbone.

    """
    stem = {} if stem_frames is None else {"stem_frames": stem_frames}
    return choose(BACKBONES_3D, name, kind="backbone3d")(layers=layers, width=width, **stem)


def choose(table: Mapping[str, Item], name: str, *, kind: str) -> Item:
    """The entry of this name. Unlike `lookup.find` it imports nothing: options may come from a checkpoint.

    Raises:
        ConfigError: there is none; lists those there are.

    """
    if isinstance(name, str) and name in table:
        return table[name]
    raise ConfigError(
        f"There is no {kind} {name!r}",
        expected=f"one of {', '.join(table)}",
        found=f"{kind}={name!r}",
        hint=suggest(str(name), table),
    )


def grid_size(image_size: tuple[int, int], stage: int) -> tuple[int, int]:
    """Height and width of the feature map after 2D stage `stage` (1 to 3).

    Raises:
        ConfigError: a side that is not a positive multiple of 16.

    """
    if any(side <= 0 or side % 16 for side in image_size):
        height, width = (max(16, round(side / 16) * 16) for side in image_size)
        raise ConfigError(
            "The image size does not divide",
            expected="height and width as multiples of 16 pixels",
            found=f"{image_size[0]}x{image_size[1]}",
            hint=f"{height}x{width}",
        )
    stride = 2 ** (stage + 1)
    return image_size[0] // stride, image_size[1] // stride
