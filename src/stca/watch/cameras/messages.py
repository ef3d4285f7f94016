"""What a camera's process tells the watching one. Times are moments (`stca.watch.clock.WallClock`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "connecting", "playing", "lost", "failed", "ended"]
"""Of a camera. lost: it is called again; failed: its process is started again; ended: a file is over."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """A camera's state has changed; `why` says more about lost and failed."""

    state: State
    why: str = ""
    again_in: float | None = None


@dataclass(frozen=True, slots=True)
class Grew:
    """A tracklet that still walks has more good crops than before.

    Args:
        track: its number.
        first, last: moments.
        crops: paths of some of them, evenly spread.
        usable: how many there are.

    """

    track: int
    first: float
    last: float
    crops: tuple[str, ...]
    usable: int


@dataclass(frozen=True, slots=True)
class StillThere:
    """The moments of the last boxes of tracklets that were told, and counts of frames.

    Args:
        last: by track number.
        taken: frames that the source gave.
        processed: frames that were looked at.
        dropped: frames that were left out because it was too much.

    """

    last: dict[int, float]
    taken: int
    processed: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Track `later` turned out to be a part of track `track`."""

    track: int
    later: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A tracklet has ended and lies in its folder.

    Args:
        track: its number.
        first, last: moments.
        cut: whether its person was still there: it had lasted as long as one may.

    """

    track: int
    first: float
    last: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """A track that was told has too few crops left after it was cut."""

    track: int


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for whoever watches the watching."""

    words: str


Message = CameraState | Grew | StillThere | Joined | Finished | Dropped | Note
