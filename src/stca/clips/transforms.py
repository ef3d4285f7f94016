"""Decoded frames to network input; random augmentation is drawn once per clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD, RGB

ENLARGE = 1.125


class Draw(NamedTuple):
    """A random augmentation: mirror or not; the crop (left, top, right, bottom) in fractions of the image."""

    flip: bool = False
    window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Transform:
    """Resize to `size`; in training also mirror, and enlarge by an eighth and crop.

    Args:
        size: (H, W) in pixels.
        flip: probability of mirroring.
        crop: probability of enlarging by 1/8 and cropping at random.
        per_frame: draw for every frame instead of once per clip, as the official code does.

    """

    size: tuple[int, int]
    flip: float = 0.0
    crop: float = 0.0
    per_frame: bool = False

    def draws(self, frames: int, rng: np.random.Generator | None) -> list[Draw]:
        """One draw per frame, all the same unless `per_frame`."""
        if rng is None:
            return [Draw()] * frames
        if self.per_frame:
            return [self._draw(rng) for _ in range(frames)]
        return [self._draw(rng)] * frames

    def _draw(self, rng: np.random.Generator) -> Draw:
        # The same numbers are used up whatever comes out, so that options do not shift later draws.
        flip, crop, x, y = rng.random(4)
        if crop >= self.crop:
            return Draw(bool(flip < self.flip))
        side = 1 / ENLARGE
        left, top = x * (1 - side), y * (1 - side)
        return Draw(bool(flip < self.flip), (left, top, left + side, top + side))

    def __call__(self, image: RGB, draw: Draw) -> UInt8[np.ndarray, "h w 3"]:
        """One frame, of any size, in this transform's size."""
        height, width = image.shape[:2]
        left, top, right, bottom = draw.window
        box = (left * width, top * height, right * width, bottom * height)
        resized = Image.fromarray(image).resize(self.size[::-1], Image.Resampling.BILINEAR, box=box)
        out = np.asarray(resized)
        return out[:, ::-1] if draw.flip else out


def normalise(frames: UInt8[Tensor, "B T H W 3"]) -> Float[Tensor, "B T 3 H W"]:
    """Pixels to float32, ImageNet-normalised, channels before rows; on the device of `frames`."""
    mean = torch.tensor(IMAGENET_MEAN, device=frames.device) * 255
    std = torch.tensor(IMAGENET_STD, device=frames.device) * 255
    return ((frames.float() - mean) / std).movedim(-1, 2)
