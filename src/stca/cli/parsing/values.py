"""Types of arguments: what they may be, and what they become."""

from __future__ import annotations

import argparse
import math
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stca.tracking import Region


def not_empty(given: str) -> str:
    """Any words but none: an empty one is a variable that is not set, not the current folder."""
    if not given:
        raise argparse.ArgumentTypeError("a value is needed, and this one is empty")
    return given


def path(text: str) -> Path:
    """A path; an empty one, as of a variable that is not set, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path is needed, and this one is empty")
    return Path(text)


def size(text: str) -> tuple[int, int]:
    """Parse `384x128`, or one number for a square, to (height, width) in pixels."""
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a size is HEIGHTxWIDTH, for example 384x128, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def pair(text: str) -> tuple[int, int]:
    """Parse `8-24`, or one number for both, to (minimum, maximum)."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"a range is MIN-MAX, for example 8-24, not {text!r}")
    return int(match[1]), int(match[2] or match[1])


def ranking_metric(text: str) -> str | Path:
    """Parse "cosine", "euclidean" or the file of a metric that was learnt."""
    if text in ("cosine", "euclidean"):
        return text
    if Path(text).suffix != ".safetensors":
        raise argparse.ArgumentTypeError(
            f"a metric is cosine, euclidean or a .safetensors file of `stca learn-metric`, not {text!r}"
        )
    return Path(text)


def gallery_place(text: str) -> Path | str:
    """Parse a gallery's folder, or its address (milvus://...), which stays a text."""
    return text if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", text) else path(text)


def shown_place(place: Path | str) -> str:
    """A gallery's place as it may be printed: without a password."""
    from stca.gallery.milvus.address import parse_address

    return str(parse_address(place)) if isinstance(place, str) else str(place)


def gallery_folder(text: str) -> Path:
    """Parse a gallery's folder, for what cannot be done at an address."""
    if isinstance(gallery_place(text), str):
        raise argparse.ArgumentTypeError(
            f"this needs a gallery in a folder, not at an address ({text.partition('://')[0]}://...); "
            "`stca gallery copy` copies from one to the other"
        )
    return path(text)


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not {text!r}")
    return int(text)


def natural(text: str) -> int:
    """Parse an integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number from 0 is needed, not {text!r}")
    return int(text)


def odd(text: str) -> int:
    """Parse an odd integer of at least 1."""
    if not text.isdecimal() or int(text) % 2 == 0:
        raise argparse.ArgumentTypeError(f"an odd whole number is needed, not {text!r}")
    return int(text)


def moment(text: str) -> float:
    """Parse an ISO 8601 date and time to POSIX seconds; local time if it has no zone."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"expected a date and time like 2026-01-31T10:00:00 (local; or add Z or +01:00), not {text!r}"
        ) from None


def seconds(text: str) -> float:
    """Parse a number of seconds, or a date and time (`moment`)."""
    try:
        value = float(text)
    except ValueError:
        return moment(text)
    if math.isnan(value):
        raise argparse.ArgumentTypeError(f"a number of seconds is needed, not {text!r}")
    return value


def picture(text: str) -> Path:
    """Parse the name of an image file that a figure can be written to."""
    if Path(text).suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"an image file name ends in .png, .pdf or .svg, not {text!r}")
    return Path(text)


def zone(text: str) -> Region:
    """NAME=X,Y,X,Y,X,Y."""
    name, equals, corners = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"a zone is NAME=X,Y,X,Y,X,Y, not {text!r}")
    return _region(corners, name)


def mask(text: str) -> Region:
    """X,Y,X,Y,X,Y."""
    return _region(text, "")


def _region(text: str, name: str) -> Region:
    from stca.errors import ConfigError
    from stca.tracking import Region

    try:
        numbers = [float(number) for number in text.split(",")]
        if len(numbers) % 2:
            raise ValueError
        return Region(tuple(zip(numbers[::2], numbers[1::2], strict=True)), name)
    except (ValueError, ConfigError):
        raise argparse.ArgumentTypeError(
            f"a region is at least three corners X,Y,X,Y,X,Y in pixels, not all on one line, not {text!r}"
        ) from None
