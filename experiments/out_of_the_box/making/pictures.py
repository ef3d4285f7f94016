"""Training pictures, made when they are needed: number i of a seed is always the same one."""

from __future__ import annotations

import cv2
import numpy as np
from experiments.out_of_the_box.making.material import SIZE, Material
from experiments.out_of_the_box.making.mixing import change_look, draw_look, render
from experiments.out_of_the_box.making.spoiling import spoil
from jaxtyping import UInt8

from stca.footage.images import RGB

GROUP = 2
"""Neighbours belong together: the same look twice, two that differ in one part, or two strangers."""


def make_picture(material: Material, *, seed: int, index: int) -> RGB:
    """Picture `index` of `seed`: (256, 128, 3) uint8, RGB."""
    look_rng = np.random.default_rng((seed, index // GROUP, 0))
    look = draw_look(look_rng, material)
    kind = look_rng.random()
    own = np.random.default_rng((seed, index, 1))
    if index % GROUP and kind < 0.4:
        look = change_look(look_rng, look, material)
    elif index % GROUP and kind > 0.7:
        look = draw_look(own, material)
    return spoil(own, render(look, material), material)


def make_batch(material: Material, *, seed: int, first: int, count: int) -> UInt8[np.ndarray, "B H W 3"]:
    """Pictures `first` to `first + count - 1`."""
    batch = np.empty((count, *SIZE, 3), np.uint8)
    for row in range(count):
        batch[row] = make_picture(material, seed=seed, index=first + row)
    return batch


def shrink(batch: UInt8[np.ndarray, "B H W 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "B h w 3"]:
    """The same pictures at a student's size: means over areas."""
    return np.stack([cv2.resize(each, size[::-1], interpolation=cv2.INTER_AREA) for each in batch])
