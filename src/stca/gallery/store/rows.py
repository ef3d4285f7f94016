"""Rows of a gallery's table, and the records they are."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from stca.errors import GalleryError
from stca.gallery.records import Record

COLUMNS = tuple(field.name for field in fields(Record))
_FOLDER = COLUMNS.index("folder")


def record_of_row(row: Sequence[Any]) -> Record:
    """From the values of `COLUMNS`.

    Raises:
        GalleryError: they are no record's: the file is damaged.

    """
    values = list(row)
    try:
        if values[_FOLDER] is not None:
            values[_FOLDER] = Path(values[_FOLDER])
        return Record(*values)
    except TypeError as error:
        raise GalleryError("A row of the gallery is damaged", found=error, where=repr(row[0])) from error


def values_of(record: Record, content: str) -> tuple[object, ...]:
    """The values of `COLUMNS`, with that content.

    Raises:
        GalleryError: one that is not of its kind; SQLite would keep its bytes.

    """
    values = (content if name == "content" else getattr(record, name) for name in COLUMNS)
    return tuple(stored(name, value, record.key) for name, value in zip(COLUMNS, values, strict=True))


def stored(name: str, value: Any, key: str) -> object:
    """A value of a column as SQLite takes it: numpy's numbers become Python's.

    Raises:
        GalleryError: as `values_of`.

    """
    if value is None:
        return None
    try:
        if name in ("person", "label", "frames"):
            return _whole(value)
        if name in ("first", "last"):
            return float(value)
    except (TypeError, ValueError) as error:
        found = f"{name}={value!r}"
        raise GalleryError(
            "A record holds no such value", expected="a number, whole ones of 64 bits", found=found, where=key
        ) from error
    if not isinstance(value, str | Path):
        found = f"{name}={value!r}"
        raise GalleryError("A record holds no such value", expected="text", found=found, where=key)
    return str(value)


def _whole(value: Any) -> int:
    number = operator.index(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} is beyond 64 bits")
    return number


def digest(data: bytes) -> str:
    """A short fingerprint of bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
