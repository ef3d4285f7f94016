"""Times, spans and sizes as people read them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from stca.gallery.times import format_time, is_date
from stca.web.texts import text

_MONTHS = text("date.months").split()


def utc_offset(seconds: float) -> float:
    """Seconds that the server's time zone is ahead of UTC at a moment; 0 within a video."""
    if not is_date(seconds):
        return 0.0
    offset = datetime.fromtimestamp(seconds).astimezone().utcoffset()
    return offset.total_seconds() if offset else 0.0


def date(seconds: float | None) -> str:
    """The day, 31 Jan 2026, in the server's time zone; empty within a video."""
    if seconds is None or not is_date(seconds):
        return ""
    local = datetime.fromtimestamp(seconds).astimezone()
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def clock(seconds: float) -> str:
    """The time of the day, 10:00:00, or the time within a video, 0:01:02.5."""
    if not is_date(seconds):
        return format_time(seconds)
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def moment(seconds: float | None) -> str:
    """Day and time; empty where it is not known."""
    if seconds is None:
        return ""
    day = date(seconds)
    return f"{day}, {clock(seconds)}" if day else clock(seconds)


def when(first: float | None, last: float | None) -> str:
    """From first to last, the day once where it is one; empty where it is not known."""
    if first is None or last is None:
        return ""
    if clock(first) == clock(last) and date(first) == date(last):
        return moment(first)
    if date(first) == date(last):
        return f"{moment(first)} – {clock(last)}"
    return f"{moment(first)} – {moment(last)}"


def iso(seconds: float | None) -> str:
    """For `<time datetime>`; empty within a video, where there is no such moment."""
    if seconds is None or not is_date(seconds):
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def duration(seconds: float | None) -> str:
    """3 s, 2 min 10 s, 1 h 5 min, 2 d 4 h."""
    if seconds is None:
        return ""
    whole = round(abs(seconds))
    if whole < 60:
        return f"{whole} s"
    for large, small, name, rest in ((60, 1, "min", "s"), (3600, 60, "h", "min"), (86400, 3600, "d", "h")):
        if whole < large * (60 if name == "min" else 24 if name == "h" else whole):
            first, second = divmod(whole, large)
            second //= small
            return f"{first} {name} {second} {rest}" if second else f"{first} {name}"
    return f"{whole // 86400} d"


def days_since(seconds: float) -> int:
    """Whole days between a moment and now."""
    return max(0, int((time.time() - seconds) // 86400))


_COMMAND_LINE = (
    (re.compile(r" \([^()]*--[^()]*\)"), ""),
    (re.compile(r"; give --start to tell them apart"), ""),
    (re.compile(r"without --start"), "without a start"),
    (re.compile(r"\btracklets\b"), "sightings"),
    (re.compile(r"\btracklet\b"), "sighting"),
    (re.compile(r"\b1 sightings\b"), "1 sighting"),
    (re.compile(r"\b1 of 1 videos were\b"), "1 video were"),
)
"""What is for people at a command line in the sentences of the library, and what a page says instead."""


def plain(sentence: str) -> str:
    """A sentence of the library without options of the command line."""
    for pattern, instead in _COMMAND_LINE:
        sentence = pattern.sub(instead, sentence)
    return sentence


def digits(scores: Iterable[float], threshold: float | None) -> int:
    """How many digits show scores so that none seems to reach a threshold that it does not: two, or more."""
    below = [] if threshold is None else [score for score in scores if score < threshold]
    for number in (2, 3, 4, 5):
        if all(float(score(each, number)) < float(score(threshold or 0.0, number)) for each in below):
            return number
    return 6


def score(value: float, number: int = 2) -> str:
    """A score with so many digits (`digits`), without a sign where all of them are 0."""
    return f"{round(value, number) + 0.0:.{number}f}"


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def size(number: float) -> str:
    """1.5 MB."""
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return ""
