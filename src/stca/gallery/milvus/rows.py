"""Rows of the collection of tracklets: from and to records, and filters as Milvus's expressions.

Milvus 2.3 knows no empty values: numbers that do not exist stand for them. The primary key is a digest of
the tracklet's key, which may hold any character.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import GalleryError, GalleryFileError
from stca.gallery.engine import Vector
from stca.gallery.records import Record
from stca.gallery.store.rows import row_values
from stca.gallery.times import is_date

COLUMNS = tuple(field.name for field in fields(Record))
LENGTHS = {"key": 1024, "camera": 1024, "folder": 4096, "content": 256, "clock": 2048}
"""Bytes that a text may have."""
_NOBODY = -(2**63)
_NEVER = 1e300
"""No tracklet without times begins before the end of a range, or ends after its beginning."""
UNDATED = "_default"
"""The partition of tracklets without a date, or that span midnight (UTC)."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored tracklet.

    Args:
        record: with its content digest.
        number: of its insertion; later ones are larger.
        vector: (D,), if it was asked for.

    """

    record: Record
    number: int
    vector: Vector | None = None


def row_id(key: str) -> str:
    """Primary key of a tracklet: 32 hexadecimal digits."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def to_entity(record: Record, content: str, number: int, vector: Vector) -> dict[str, Any]:
    """A row as pymilvus takes it.

    Raises:
        GalleryError: a value of the wrong type, or one that Milvus cannot hold.

    """
    row: dict[str, Any] = dict(zip(COLUMNS, row_values(record, content), strict=True))
    for name, most in LENGTHS.items():
        if row[name] is not None and len(row[name].encode()) > most:
            raise GalleryError(
                f"The {name} of a tracklet is too long for a gallery on Milvus",
                expected=f"at most {most:,} bytes",
                found=f"{len(row[name].encode()):,}",
                where=record.key[:100],
            )
    for name in ("person", "label"):
        if row[name] == _NOBODY:
            raise GalleryError(f"A gallery on Milvus has no {name} {_NOBODY}", where=record.key)
        row[name] = _NOBODY if row[name] is None else row[name]
    if row["first"] is None:
        row["first"], row["last"] = _NEVER, -_NEVER
    elif max(abs(row["first"]), abs(row["last"])) >= _NEVER:
        raise GalleryError("A gallery on Milvus has no such time", found=row["first"], where=record.key)
    row["folder"] = row["folder"] or ""
    return {"id": row_id(record.key), "number": number, "vector": np.asarray(vector, dtype=np.float32)} | row


def from_entity(found: Mapping[str, Any]) -> Row:
    """A row of a result.

    Raises:
        GalleryFileError: it is damaged, or not ours.

    """
    try:
        values = {name: found[name] for name in COLUMNS}
        for name in ("person", "label"):
            values[name] = None if values[name] == _NOBODY else int(values[name])
        if values["first"] >= _NEVER:
            values["first"] = values["last"] = None
        values["folder"] = Path(values["folder"]) if values["folder"] else None
        vector = found.get("vector")
        array = None if vector is None else np.asarray(vector, dtype=np.float32)
        return Row(Record(**values), int(found["number"]), array)
    except (KeyError, TypeError) as error:
        raise GalleryFileError("A row of the gallery is damaged", found=error) from error


def partition_of(record: Record) -> str:
    """The partition of a tracklet's day (UTC): `d20260131`."""
    if record.first is None or record.last is None or record.clock:
        return UNDATED
    if not (is_date(record.first) and is_date(record.last)):
        return UNDATED
    days = {_day(record.first), _day(record.last)}
    return days.pop() if len(days) == 1 else UNDATED


def _day(seconds: float) -> str:
    return f"d{datetime.fromtimestamp(seconds, UTC):%Y%m%d}"


def partitions_within(time: tuple[float, float], partitions: Iterable[str]) -> list[str]:
    """Those partitions in which a tracklet may be that was seen within a range of times."""
    first = _day(time[0]) if is_date(time[0]) else ("d" if time[0] < 1e8 else "e")
    last = _day(time[1]) if is_date(time[1]) else ("d" if time[1] < 1e8 else "e")
    return [name for name in partitions if name == UNDATED or first <= name <= last]


def filter_of(
    cameras: Collection[str] | None, time: tuple[float, float] | None, without: Collection[str]
) -> str:
    """The filters of a search as an expression.

    Args:
        cameras: names; None: all.
        time: from and to, in seconds; None: any.
        without: keys of tracklets that are left out.

    """
    parts = []
    if cameras is not None:
        parts.append(f"camera in [{', '.join(map(quoted, sorted(cameras)))}]")
    if time is not None:
        first, last = (min(max(seconds, -_NEVER / 10), _NEVER / 10) for seconds in time)
        parts.append(f"first <= {last!r} and last >= {first!r}")
    if without:
        parts.append(f"id not in [{', '.join(quoted(row_id(key)) for key in sorted(without))}]")
    return " and ".join(parts)


def quoted(text: str) -> str:
    """A text of an expression.

    Raises:
        GalleryError: it has a control character, which Milvus's expressions cannot name.

    """
    if any(sign < " " and sign not in "\b\f\n\r\t" for sign in text):
        raise GalleryError(
            "Milvus cannot search for a text with control characters",
            found=ascii(text),
            hint="leave the filter out",
        )
    return json.dumps(text, ensure_ascii=False)
