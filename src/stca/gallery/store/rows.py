"""Convert between records and rows of the SQLite table."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.engine import Vector
from stca.gallery.records import Record

COLUMNS = tuple(field.name for field in fields(Record))
_FOLDER = COLUMNS.index("folder")


def record_from_row(row: Sequence[Any]) -> Record:
    """A record from the values of `COLUMNS`.

    Raises:
        GalleryError: the values are invalid: the file is damaged.

    """
    values = list(row)
    try:
        if values[_FOLDER] is not None:
            values[_FOLDER] = Path(values[_FOLDER])
        return Record(*values)
    except TypeError as error:
        raise GalleryFileError("A row of the gallery is damaged", found=error, where=repr(row[0])) from error


def row_values(record: Record, content: str) -> tuple[object, ...]:
    """The values of `COLUMNS` for a record, with the given content digest.

    Raises:
        GalleryError: a value of the wrong type, which SQLite would store as it is.

    """
    values = (content if name == "content" else getattr(record, name) for name in COLUMNS)
    return tuple(sqlite_value(name, value, record.key) for name, value in zip(COLUMNS, values, strict=True))


def sqlite_value(name: str, value: Any, key: str) -> object:
    """A column's value as SQLite stores it; numpy numbers become Python's.

    Raises:
        GalleryError: as `row_values`.

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
            "A record holds an invalid value",
            expected="a number (integers of 64 bits)",
            found=found,
            where=key,
        ) from error
    if not isinstance(value, str | Path):
        found = f"{name}={value!r}"
        raise GalleryError("A record holds an invalid value", expected="text", found=found, where=key)
    return str(value)


def _whole(value: Any) -> int:
    number = operator.index(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} is beyond 64 bits")
    return number


def another_tracklet(key: str, where: object) -> GalleryError:
    """What `add` raises where a key is there with other content."""
    return GalleryError(
        f"The gallery has another tracklet of the key {key!r}",
        expected="the same frames as when it was added",
        where=where,
        hint="--replace (replace=True) puts the new one in its place",
    )


def stored_vector(vector: Vector) -> bytes:
    """A vector as it is kept: D little-endian float32."""
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def digest(data: bytes) -> str:
    """BLAKE2b digest of bytes, as 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
