"""Atomic writes, file locks, the cache folder, natural order of names."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO

from stca.errors import ConfigError

_held: set[IO[str]] = set()


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


@contextmanager
def locked(path: Path, *, taken: str, hint: str | None = None) -> Iterator[None]:
    """Lock the file `path`, which stays behind, empty; the system unlocks it when this process ends.

    A second lock fails at once, in this process or another. Where the system or the file system has no locks,
    nothing is locked.

    Args:
        path: made where it is missing.
        taken: the error's message where it is locked already.
        hint: the error's advice.

    Raises:
        ConfigError: it is locked already.

    """
    with path.open("a") as file:
        try:
            _lock(file)
        except BlockingIOError as error:
            raise ConfigError(taken, where=path.parent, hint=hint) from error
        _held.add(file)
        try:
            yield
        finally:
            _held.discard(file)


@contextmanager
def exclusively(path: Path, mode: str = "r+b") -> Iterator[IO[bytes]]:
    """Open an existing or new file, alone among all who use this; waits for them.

    Who replaces the file meanwhile (`atomic_write`) is noticed: what is opened is the file of that name.
    """
    while True:
        with path.open(mode, buffering=0) as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            except (ImportError, OSError):  # Windows; a network disk without locks
                pass
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _lock(file: IO[str]) -> None:
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):  # Windows; a network disk without locks
        pass


def _let_go() -> None:
    """In a process that was forked: one that outlives its parent for a while must not hold what that held."""
    while _held:
        _held.pop().close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


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


_RAW_STREAMS = (".264", ".265")


def stem(path: PurePath) -> str:
    """A file's name without its suffix; digits behind a dot are none: `cam.1` and `cam.2` are two names.

    But `door.264` is a raw H.264 stream called `door`.
    """
    is_number = path.suffix[1:].isdecimal() and path.suffix not in _RAW_STREAMS
    return path.name if is_number else path.stem


def portable_key(name: str) -> str:
    """Key by which two names are equal that some system takes for one folder.

    Windows and macOS do not tell upper from lower case, macOS does not tell composed from decomposed letters,
    and Windows drops dots and spaces at the end.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).rstrip(". ")


def twice(names: Iterable[str]) -> list[str]:
    """Those of these names that another one equals by `portable_key`, in their order, each once."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(portable_key(name), []).append(name)
    return [name for same in by_key.values() if len(same) > 1 for name in dict.fromkeys(same)]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
