"""Decoding of clips; frames that cannot be read are replaced by neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from stca.clips.transforms import Transform
from stca.errors import DatasetError, FrameError
from stca.footage.images import RGB, read_image
from stca.tracklets import Tracklet


class DecodedClip(NamedTuple):
    """Pixels (T, H, W, 3), and the frames that could not be read."""

    frames: UInt8[np.ndarray, "T H W 3"]
    bad: tuple[Path, ...]


def decode_clip(
    tracklet: Tracklet,
    frames: Int64[np.ndarray, " T"],
    transform: Transform,
    *,
    rng: np.random.Generator | None = None,
) -> DecodedClip:
    """Read, resize and (with an `rng`) augment one clip.

    A frame that cannot be read is replaced by its nearest readable neighbour in the tracklet.

    Raises:
        DatasetError: no frame of the whole tracklet can be read.

    """
    reader = _Reader(tracklet, transform.size)
    draws = transform.draws(len(frames), rng)
    rows = [transform(reader[number], draw) for number, draw in zip(frames.tolist(), draws, strict=True)]
    return DecodedClip(np.stack(rows), tuple(tracklet.frames[i] for i in sorted(reader.bad)))


def read_frame(tracklet: Tracklet, number: int) -> RGB:
    """Frame `number` of a tracklet as it is on disk, or its nearest readable neighbour.

    Raises:
        DatasetError: no frame of the tracklet can be read.

    """
    return _Reader(tracklet, None)[number]


class _Reader:
    """Frames of one tracklet by number, each read at most once."""

    def __init__(self, tracklet: Tracklet, size: tuple[int, int] | None) -> None:
        self.tracklet, self.size = tracklet, size
        self.good: dict[int, RGB] = {}
        self.bad: dict[int, FrameError] = {}

    def __getitem__(self, number: int) -> RGB:
        if self._read(number):
            return self.good[number]
        for neighbour in sorted(range(len(self.tracklet)), key=lambda i: abs(i - number)):
            if self._read(neighbour):
                return self.good[neighbour]
        raise DatasetError(
            "No frame of a tracklet can be read",
            found=self.bad[number].found,
            where=f"{self.tracklet.key}: {self.tracklet.frames[number]}",
            hint="remove the tracklet, or restore its images",
        )

    def _read(self, number: int) -> bool:
        if number not in self.good and number not in self.bad:
            try:
                self.good[number] = read_image(self.tracklet.frames[number], min_size=self.size)
            except FrameError as error:
                self.bad[number] = error
        return number in self.good
