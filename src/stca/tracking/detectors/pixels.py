"""From an image to what a detection network expects as input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD, RGB

_GREY = 114
"""Of the border beside a letterboxed image, as YOLO networks are trained with."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Order and range of the values of a pixel.

    Args:
        rgb: red first; otherwise blue first.
        mean, std: subtracted from, and dividing, values from 0 to 255.

    """

    rgb: bool
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


PIXELS: Mapping[str, Pixels] = {
    "unit-rgb": Pixels(rgb=True, std=(255.0,) * 3),
    "imagenet-rgb": Pixels(
        rgb=True,
        mean=tuple(255 * value for value in IMAGENET_MEAN),
        std=tuple(255 * value for value in IMAGENET_STD),
    ),
    "raw-rgb": Pixels(rgb=True),
    "raw-bgr": Pixels(rgb=False),
}
"""Values of `--pixels`: 0 to 1; ImageNet's mean and deviation taken off 0 to 1; 0 to 255."""

RESIZES = ("stretch", "letterbox")
"""How an image fills an input of another shape: distorted; or undistorted in the upper left corner, with
grey right of it and below. Some families are trained with grey on both sides; their networks see it shifted.
"""


def prepare(
    image: RGB, size: tuple[int, int], pixels: Pixels, resize: str, dtype: np.dtype | type = np.float32
) -> tuple[np.ndarray, Float32[np.ndarray, " 4"]]:
    """Resize and normalise an image.

    Args:
        image: (H, W, 3) uint8.
        size: (h, w) of the network's input.
        pixels: a value of `PIXELS`.
        resize: one of `RESIZES`.
        dtype: of the result.

    Returns:
        (3, h, w) of `dtype`, and by what its boxes (x, y, x, y) are divided to be in pixels of the image.

    """
    import cv2

    height, width = size
    scale_y, scale_x = height / image.shape[0], width / image.shape[1]
    if resize != "stretch":
        scale_y = scale_x = min(scale_y, scale_x)
    inner_h, inner_w = max(1, round(image.shape[0] * scale_y)), max(1, round(image.shape[1] * scale_x))
    seen = cv2.resize(image, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    if (inner_h, inner_w) != (height, width):
        canvas = np.full((height, width, 3), _GREY, np.uint8)
        canvas[:inner_h, :inner_w] = seen
        seen = canvas
    if not pixels.rgb:
        seen = seen[..., ::-1]
    scale = np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
    return _normalised(seen.transpose(2, 0, 1), pixels, dtype), scale


def _normalised(seen: np.ndarray, pixels: Pixels, dtype: np.dtype | type) -> np.ndarray:
    if not any(pixels.mean) and set(pixels.std) == {1.0}:
        return np.ascontiguousarray(seen, dtype=dtype)
    factor = (1 / np.array(pixels.std, np.float32))[:, None, None]
    values = np.multiply(seen, factor, dtype=np.float32)
    if any(pixels.mean):
        values -= np.array(pixels.mean, np.float32)[:, None, None] * factor
    return np.ascontiguousarray(values, dtype=dtype)
