"""Times of tracklets as text."""

from __future__ import annotations

import re
from datetime import datetime

from stca.gallery.records import Record
from stca.tracks import MAX_SECONDS

_POSIX = 1e8
"""Larger times are POSIX seconds, smaller ones seconds from a video's beginning."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def is_date(seconds: float) -> bool:
    """Whether a time is a moment in history (from 1973 on), not one counted from a video's beginning."""
    return _POSIX <= seconds <= MAX_SECONDS


def format_time(seconds: float) -> str:
    """0:01:02.5 from a video's beginning, or 2026-01-31 10:00:00+01:00: local time and its offset.

    Numbers too large to be times (older galleries may hold some) are shown as seconds.
    """
    if abs(seconds) > MAX_SECONDS:
        return f"{seconds:.6g} s"
    if is_date(seconds):
        return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes) // 60}:{int(minutes) % 60:02d}:{rest:04.1f}"


def format_span(record: Record) -> str:
    """First to last time of a record; empty if no times are known."""
    if record.first is None or record.last is None:
        return ""
    first, last = format_time(record.first), format_time(record.last)
    (day, _, when), (same, _, then) = first.partition(" "), last.partition(" ")
    if when and day == same and when[8:] == then[8:]:  # same day and offset: written once
        return f"{day} {when[:8]} to {then}"
    return f"{first} to {last}"


def parse_age(text: str) -> float:
    """`30d`, `12h`, `90m`, `45s` or `2w` in seconds; a ValueError says what an age is."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not match or float(match[1]) == 0:
        raise ValueError("an age is a number and s, m, h, d or w, for example 30d")
    return float(match[1]) * _UNITS[match[2]]
