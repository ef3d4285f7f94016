"""What was erased from `tracks.txt` of a camera that goes on: its frames and numbers are not used again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stca.tools.files import write_text

ERASED_FILE = ".erased"
"""In a camera's folder: the last frame, and the highest number of a track."""


def note_erased(folder: Path, rows: Iterable[tuple[int, int]]) -> None:
    """Note frames and track numbers before their rows are erased."""
    last, highest = erased_up_to(folder)
    for frame, track in rows:
        last, highest = max(last, frame), max(highest, track)
    write_text(folder / ERASED_FILE, f"{last} {highest}\n")


def erased_up_to(folder: Path) -> tuple[int, int]:
    """The last frame and the highest number that were erased; 0 and -1 where none were."""
    try:
        last, highest = map(int, (folder / ERASED_FILE).read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return 0, -1
    return last, highest
