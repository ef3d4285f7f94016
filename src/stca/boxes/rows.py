"""One box of one track in one frame, and how it is written (MOT16: nine columns)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stca.tools.files import write_text

PEDESTRIAN = 1


@dataclass(frozen=True, slots=True)
class MotRow:
    """One box of one track in one frame.

    Args:
        frame: from 1.
        track: the track's number, within one sequence.
        left, top, width, height: in pixels; may reach beyond the image.
        confidence: the detector's, or the consider flag of a ground truth (0: ignore the row).
        class_id: 1 is a person, whatever number the file uses for it; 1 where the file has no classes.
        visibility: the visible fraction of the person, 0 to 1; 1 where the file does not say.

    """

    frame: int
    track: int
    left: float
    top: float
    width: float
    height: float
    confidence: float = 1.0
    class_id: int = PEDESTRIAN
    visibility: float = 1.0


def write_mot(path: Path, rows: Iterable[MotRow]) -> None:
    """Write rows as MOT16 ground truth (nine columns, pixels to a hundredth), atomically."""
    write_text(path, "".join(map(mot_line, rows)))


def mot_line(row: MotRow) -> str:
    """One line of such a file, with its line end."""
    box = f"{row.left:.2f},{row.top:.2f},{row.width:.2f},{row.height:.2f}"
    return f"{row.frame},{row.track},{box},{row.confidence:g},{row.class_id},{row.visibility:g}\n"
