"""The boxes of a track while it is open, and what stores their crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32

from stca.footage.images import RGB


@dataclass(slots=True, eq=False)
class Observation:
    """One box of one frame.

    Args:
        frame: its number, from 1.
        time: seconds.
        box: left, top, right, bottom, in pixels.
        score: the detector's.
        quality: scores from 0 to 1 by name, see `stca.tracking.quality`.
        crop: the pixels; None once they are stored, or where the box lies outside the image.
        colours: see `quality.colour_histogram`; None where there is no crop.
        file: name of the stored crop; empty where there is none.
        duration: seconds since the previous frame.

    """

    frame: int
    time: float
    box: Float[np.ndarray, " 4"]
    score: float
    quality: dict[str, float]
    crop: RGB | None = None
    colours: Float32[np.ndarray, " 128"] | None = None
    file: str = ""
    duration: float = 0.0


@dataclass(slots=True, eq=False)
class Track:
    """The boxes of one person, in order of time.

    Args:
        number: the track's.
        observations: one per frame.
        join_checked: whether it was compared with the lost tracks before it.
        before: the last observations of the track that it was cut from; they say where the next cut is.

    """

    number: int
    observations: list[Observation] = field(default_factory=list)
    join_checked: bool = False
    before: list[Observation] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Time of the first observation, seconds."""
        return self.observations[0].time

    @property
    def last(self) -> float:
        """Time of the last observation, seconds."""
        return self.observations[-1].time


@runtime_checkable
class CropStore(Protocol):
    """Stores crops as soon as their track is known."""

    def add(self, number: int, observation: Observation) -> None:
        """Store the crop for that track; sets its file now and its sharpness later."""

    def join(self, number: int, later: int) -> None:
        """Move the crops of track `later` to track `number`."""

    def split(self, number: int, later: int, observations: Sequence[Observation]) -> None:
        """Move the crops of these observations of track `number` to a new track `later`."""

    def crops(self, number: int, observations: Sequence[Observation]) -> list[Path]:
        """The files of these observations of an open track, which have one each."""
