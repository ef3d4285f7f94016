"""Rows of a gallery's table, and the records they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from stca.gallery.records import Record

COLUMNS = tuple(field.name for field in fields(Record))
_FOLDER = COLUMNS.index("folder")


def record_of_row(row: Sequence[Any]) -> Record:
    """From the values of `COLUMNS`."""
    values = list(row)
    if values[_FOLDER] is not None:
        values[_FOLDER] = Path(values[_FOLDER])
    return Record(*values)


def values_of(record: Record) -> tuple[object, ...]:
    """The values of `COLUMNS`."""
    values = (getattr(record, name) for name in COLUMNS)
    return tuple(str(value) if isinstance(value, Path) else value for value in values)


def digest(data: bytes) -> str:
    """A short fingerprint of bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
