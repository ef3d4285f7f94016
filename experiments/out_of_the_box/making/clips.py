"""Clips of one person of whom some frames are damaged, and the same clips before the damage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from experiments.out_of_the_box.making.material import SIZE, Material
from experiments.out_of_the_box.making.mixing import draw_look, render
from experiments.out_of_the_box.making.spoiling import spoil
from jaxtyping import Bool, UInt8
from numpy.random import Generator

from stca.footage.images import RGB

_WALKS = 0.33


class Clip(NamedTuple):
    """Frames before and after the damage, and which are damaged."""

    clean: UInt8[np.ndarray, "T H W 3"]
    seen: UInt8[np.ndarray, "T H W 3"]
    damaged: Bool[np.ndarray, " T"]


def walk(rng: Generator, person: RGB, frames: int) -> UInt8[np.ndarray, "T H W 3"]:
    """One picture as a detector cuts it frame after frame: shifted and scaled a little, with noise."""
    height, width = SIZE
    person = np.asarray(cv2.resize(person, (width, height)))
    out = np.empty((frames, height, width, 3), np.uint8)
    for frame in out:
        scale, shift = np.exp(rng.normal(0, 0.03, 2)), rng.normal(0, 0.02, 2) * (width, height)
        centre = np.array([width, height]) / 2
        matrix = np.column_stack((np.diag(scale), centre - scale * centre + shift)).astype(np.float32)
        moved = cv2.warpAffine(person, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        noise = rng.standard_normal(moved.shape, dtype=np.float32) * 3
        frame[:] = np.clip(moved + noise, 0, 255)
    return out


def make_clip(
    material: Material,
    walks: Sequence[UInt8[np.ndarray, "T H W 3"]],
    *,
    seed: int,
    index: int,
    frames: int,
) -> Clip:
    """Clip `index` of `seed`: one camera's view of somebody, up to five of eight frames damaged.

    Args:
        material: raw pictures; a clip of them is one look, as `walk` moves it.
        walks: rendered people who walk, `frames` pictures of `SIZE` each; a third of the clips.
        seed: of chance.
        index: of the clip.
        frames: T.

    """
    rng = np.random.default_rng((seed, index, 2))
    if walks and rng.random() < _WALKS:
        still = walks[rng.integers(len(walks))]
    else:
        still = walk(rng, render(draw_look(rng, material), material), frames)
    camera = int(rng.integers(2**32))  # every frame is cut, lit and compressed alike
    clean = np.stack([spoil(np.random.default_rng(camera), frame, material) for frame in still])
    bad = rng.permutation(frames)[: rng.integers(0, 5 * frames // 8 + 1)]
    return damage_clip(rng, clean, np.isin(np.arange(frames), bad), material)


def damage_clip(
    rng: Generator, clean: UInt8[np.ndarray, "T H W 3"], damaged: Bool[np.ndarray, " T"], material: Material
) -> Clip:
    """Hide, blur, cut badly, or put somebody else in front of, the frames that are `damaged`."""
    seen = clean.copy()
    for number in np.flatnonzero(damaged):
        seen[number] = damage(rng, clean[number], material)
    return Clip(clean, seen, damaged)


def damage(rng: Generator, frame: RGB, material: Material) -> RGB:
    """One frame, damaged in one of four ways."""
    height, width = SIZE
    way = rng.integers(4)
    if way == 0:  # hidden from below or above by something plain
        rows = round(rng.uniform(0.5, 0.85) * height)
        out = frame.copy()
        colour = rng.integers(0, 256, 3, dtype=np.uint8)
        out[slice(-rows, None) if rng.random() < 0.7 else slice(0, rows)] = colour
        return out
    if way == 1:
        return np.asarray(cv2.GaussianBlur(frame, (0, 0), rng.uniform(8, 16)))
    if way == 2:  # cut badly: half of the person, or far too small
        scale = rng.uniform(0.3, 0.5) if rng.random() < 0.5 else rng.uniform(1.8, 2.6)
        shift = rng.uniform(-0.35, 0.35, 2) * (width, height)
        centre = np.array([width, height]) / 2
        matrix = np.column_stack((np.eye(2) * scale, centre - scale * centre + shift)).astype(np.float32)
        return np.asarray(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))
    other = render(draw_look(rng, material), material)
    columns = round(rng.uniform(0.55, 0.95) * width)
    out = frame.copy()
    part = slice(0, columns) if rng.random() < 0.5 else slice(width - columns, width)
    out[:, part] = other[:, part]
    return out
