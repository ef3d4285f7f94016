"""What a detection network takes: one image, and perhaps sizes that go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stca.errors import CheckpointError

SIZE_IF_FREE = 640
"""Pixels of a side that the file leaves open."""

_TYPES = (np.float32, np.float16, np.uint8)

_EXTRAS: Mapping[str, Callable[[int, int, np.dtype], np.ndarray]] = {
    "orig_target_sizes": lambda h, w, dtype: np.array([[w, h]], dtype),  # RT-DETR, D-FINE
    "pixel_mask": lambda h, w, dtype: np.ones((1, h, w), dtype),  # DETR of Transformers
    "im_shape": lambda h, w, dtype: np.array([[h, w]], dtype),  # PaddleDetection
    "scale_factor": lambda h, w, dtype: np.ones((1, 2), dtype),
}
"""Inputs besides the image: name -> value of (height, width, type). Boxes then are in pixels of the input."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input of a network.

    Args:
        name: of the tensor.
        dtype: None where it is none of NumPy's.
        shape: None or a name where a dimension is free.

    """

    name: str
    dtype: np.dtype | None
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype or 'of another type'} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class ImageInput:
    """The input for the image.

    Args:
        name, dtype: of the tensor.
        size: (height, width) in pixels.
        channels_last: NHWC rather than NCHW.
        batch: images per run; 0 where the input has no dimension for them.

    """

    name: str
    dtype: np.dtype
    size: tuple[int, int]
    channels_last: bool
    batch: int

    def tensor(self, seen: np.ndarray) -> np.ndarray:
        """(3, h, w) of any type as the network takes it; a fixed batch holds the image several times."""
        values = np.ascontiguousarray(seen.transpose(1, 2, 0)) if self.channels_last else seen
        values = values.astype(self.dtype, copy=False)
        if self.batch == 0:
            return values
        return values[None] if self.batch == 1 else np.repeat(values[None], self.batch, axis=0)

    def __str__(self) -> str:
        order = "HWC" if self.channels_last else "CHW"
        return f"{self.name} {self.dtype} {'' if self.batch == 0 else f'{self.batch} x '}{order} {self.size}"


def find_inputs(
    inputs: Sequence[TensorInfo], path: Path, *, size: tuple[int, int] | None = None
) -> tuple[ImageInput, dict[str, np.ndarray]]:
    """The image input, and the values of the others.

    Args:
        inputs: of the network.
        path: of the network, for errors.
        size: (height, width) that the file recommends where the shape leaves it open.

    Raises:
        CheckpointError: not exactly one input for a colour image, or another that is not known.

    """
    images = [each for each in inputs if each.name not in _EXTRAS]
    found = _as_image(images[0], size) if len(images) == 1 else None
    if found is None:
        raise CheckpointError(
            "This network is no person detector that can be read",
            expected="one input (1, 3, height, width) or (1, height, width, 3) of float32, float16 or uint8, "
            f"and beside it at most {', '.join(_EXTRAS)}",
            found="; ".join(map(str, inputs)),
            where=path,
        )
    extras = {}
    for each in inputs:
        if each is not images[0]:
            value = _EXTRAS[each.name](*found.size, each.dtype or np.dtype(np.float32))
            extras[each.name] = np.repeat(value, max(found.batch, 1), axis=0)
    return found, extras


def _as_image(tensor: TensorInfo, recommended: tuple[int, int] | None) -> ImageInput | None:
    shape = tensor.shape
    if len(shape) not in (3, 4) or tensor.dtype not in _TYPES:
        return None
    sides = shape[-3:]
    channels_last = sides[2] == 3 and sides[0] != 3
    channels = sides[2 if channels_last else 0]
    if isinstance(channels, int) and channels != 3:
        return None
    free = sides[:2] if channels_last else sides[1:]
    default = recommended or (SIZE_IF_FREE, SIZE_IF_FREE)
    height, width = (
        side if isinstance(side, int) else other for side, other in zip(free, default, strict=True)
    )
    batch = 0 if len(shape) == 3 else shape[0] if isinstance(shape[0], int) else 1
    assert tensor.dtype is not None
    return ImageInput(tensor.name, tensor.dtype, (height, width), channels_last, batch)
