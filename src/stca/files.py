"""Writing without ever leaving half a file behind."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open `path` for writing so that it appears whole or not at all.

    What is written goes to a neighbour in the same folder and takes the name at the end; when
    anything fails, the neighbour is removed and what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    neighbour = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        neighbour.chmod(0o666 & ~_umask())
        neighbour.replace(path)
    except BaseException as error:
        neighbour.unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk names no file, or the neighbour
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """`Path.write_text`, atomically, in UTF-8."""
    with atomic_write(path) as file:
        file.write(text.encode())


def cache_dir() -> Path:
    """Where derived files may be kept: `STCA_CACHE`, or the user's cache folder."""
    if folder := os.environ.get("STCA_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stca"


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key by which `cam2` comes before `cam10`, and equal numbers still have an order (`1`, `01`)."""
    parts: list[str | int] = list(re.split(r"([0-9]+)", name))
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, name


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
