"""The pictures in a stranger's zip, one by one and in memory; names in it are never used."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stca.errors import first_line
from stca.web.uploads.kinds import BYTES, PICTURES, ZIP, recognise
from stca.web.uploads.limits import UploadError, UploadLimits

_END, _END_SIZE, _COMMENT = b"PK\5\6", 22, 65535
_ZIP64 = b"PK\6\7"
_ENTRY_BYTES = 46 + 512  # of the directory, for an entry: its least size, and room for a name
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_PART = 1 << 16


def pictures_of_zip(path: Path, limits: UploadLimits) -> Iterator[tuple[bytes, str]]:
    """Content and kind of every picture in a zip; other files in it are passed over, except zips.

    Nothing is believed: what a zip states is checked first, and what comes out is counted.

    Raises:
        UploadError: more entries, bytes or compression than allowed (413), a zip within it (415), encrypted
            or damaged (422).

    """
    _check_directory(path, limits)
    left = limits.zip_bytes
    packed = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.file_size and not entry.is_dir()]
            _check_claims(entries, packed, limits)
            for entry in entries:
                with archive.open(entry) as file:
                    start = file.read(BYTES)
                    kind = recognise(start)
                    if kind == ZIP:
                        raise UploadError(
                            "There is a zip within the zip",
                            status=415,
                            expected="pictures",
                            hint="unpack it first",
                        )
                    if kind not in PICTURES:
                        continue
                    most = min(left, limits.file_bytes, int(limits.zip_ratio * packed))
                    data = _read(start, file, most)
                left -= len(data)
                yield data, kind
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        struct.error,
    ) as error:
        raise UploadError(
            "A zip is damaged", expected="a whole zip without password", found=first_line(error)[:200]
        ) from error


def _check_directory(path: Path, limits: UploadLimits) -> None:
    """Bound the directory before it is read: it has one small record per entry."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_SIZE - _COMMENT - len(_ZIP64) - 16))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_SIZE:
        raise UploadError("A zip is damaged", found="no directory", hint="upload it again")
    count, directory = struct.unpack_from("<HI", tail, at + 10)
    if _ZIP64 in tail or count > limits.zip_entries or directory > limits.zip_entries * _ENTRY_BYTES:
        raise UploadError(
            "There is too much in a zip",
            status=413,
            expected=f"at most {limits.zip_entries} files",
            found=f"{count:,}" if count > limits.zip_entries else "a larger directory",
        )


def _check_claims(entries: list[zipfile.ZipInfo], packed: int, limits: UploadLimits) -> None:
    total = sum(entry.file_size for entry in entries)
    ratios = [total / packed, *(entry.file_size / max(1, entry.compress_size) for entry in entries)]
    if total > limits.zip_bytes or max(ratios) > limits.zip_ratio:
        raise UploadError(
            "A zip unpacks to too much",
            status=413,
            expected=f"at most {limits.zip_bytes:,} bytes, and {limits.zip_ratio:g} times its size",
            found=f"{total:,} bytes, up to {max(ratios):,.0f} times",
        )
    if any(entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PLAIN for entry in entries):
        raise UploadError("A zip cannot be read", expected="no password, and the usual compression (deflate)")


def _read(start: bytes, file: IO[bytes], most: int) -> bytes:
    parts, size = [start], len(start)
    while part := file.read(_PART):
        parts.append(part)
        size += len(part)
        if size > most:
            raise UploadError(
                "A zip unpacks to too much", status=413, expected=f"at most {most:,} bytes in a file"
            )
    return b"".join(parts)
