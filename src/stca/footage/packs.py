"""Many small files in one LMDB file, whose keys are names: `pack.lmdb/name` reads as if it were a folder.

A data set of a million images costs a network file system a million look-ups an epoch; a pack is looked up
once.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from stca.errors import DatasetError, FrameError, StcaError
from stca.tools.progress import progress

SUFFIX = ".lmdb"
_LONGEST_NAME = 511
_AT_ONCE = 1000


def split_packed(path: Path) -> tuple[Path, str] | None:
    """(pack, name) of a path that leads into a pack; None of any other."""
    text = os.fspath(path)
    end = text.find(SUFFIX + os.sep)
    if end < 0:
        return None
    end += len(SUFFIX)
    pack = Path(text[:end])
    return (pack, text[end + 1 :]) if pack in _opened or pack.is_file() else None


def read_packed(pack: Path, name: str) -> bytes:
    """The content of one file. A pack that is open already is not looked up again.

    Raises:
        FrameError: the pack holds no such file.
        DatasetError: it is no pack, or damaged.

    """
    if pack not in _opened:
        open_pack(pack)
    lmdb = _import()
    try:
        with _opened[pack][1].begin(buffers=False) as transaction:
            content: bytes | None = transaction.get(name.encode())
    except lmdb.Error as error:
        raise DatasetError(
            "Cannot read from a pack",
            found=error,
            where=f"{pack}: {name}",
            hint="copy the pack again, or write it again with `stca data pack`",
        ) from error
    if content is None:
        raise FrameError("Cannot read a frame", expected=f"{name!r} in the pack", found="nothing", where=pack)
    return content


def write_pack(pack: Path, files: Iterable[tuple[str, Path]], extra: dict[str, bytes]) -> int:
    """Write a new pack, atomically; returns its size in bytes.

    Args:
        pack: where to; a pack that is there is replaced when the new one is whole.
        files: names, each once, and where their contents are now.
        extra: more contents, by name.

    Raises:
        StcaError: lmdb is not installed.
        DatasetError: a name LMDB cannot hold, a file that cannot be read, something else than a pack of the
            same kind at `pack`, or a pack that cannot be written.

    """
    lmdb = _import()
    listed = [(name.encode(), path) for name, path in files]
    if bad := [name for name, _ in listed if not 0 < len(name) <= _LONGEST_NAME]:
        raise DatasetError(
            "A file's name is too long for a pack",
            expected=f"1 to {_LONGEST_NAME} bytes",
            found=f"{len(bad[0])}: {bad[0][:80].decode(errors='replace')}...",
        )
    _demand_a_pack(pack, extra)
    pack.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{pack.name}.", dir=pack.parent) as folder:
        whole = Path(folder) / pack.name
        room = sum(len(content) for content in extra.values()) + sum(_size(path) for _, path in listed)
        # A value fills whole pages once it is larger than half of one; the file only grows as it is written.
        environment = lmdb.open(
            str(whole), subdir=False, map_size=2 * room + 9000 * len(listed) + 2**24, lock=False
        )
        try:
            _write(environment, listed, extra)
            environment.sync(True)
        except lmdb.Error as error:
            raise DatasetError(
                "Cannot write a pack", found=error, where=pack, hint="make room on the disk, or another place"
            ) from error
        finally:
            environment.close()
        whole.replace(pack)
    return pack.stat().st_size


def _demand_a_pack(pack: Path, extra: Iterable[str]) -> None:
    """What is there already must be a pack with the same extra contents, or nothing."""
    if not pack.exists():
        return
    try:
        open_pack(pack)
        for key in extra:
            read_packed(pack, key)
    except (DatasetError, FrameError) as error:
        raise DatasetError(
            "Something else than a pack lies where the pack goes",
            expected="nothing, or a file by `stca data pack`",
            found=error.found,
            where=pack,
            hint="another name, or remove it",
        ) from error


def _write(environment: Any, files: list[tuple[bytes, Path]], extra: dict[str, bytes]) -> None:
    batches = [files[i : i + _AT_ONCE] for i in range(0, len(files), _AT_ONCE)]
    for batch in progress(batches, label="pack"):
        with environment.begin(write=True) as transaction:
            for name, path in batch:
                transaction.put(name, _read(path))
    with environment.begin(write=True) as transaction:
        for key, content in extra.items():
            transaction.put(key.encode(), content)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DatasetError("Cannot read a frame", found=error.strerror, where=path) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError("Cannot read a frame", found=error.strerror, where=path) from error


_opened: dict[Path, tuple[int, Any]] = {}
"""One environment per file, with its inode. Read-only and without locks it is nothing but mapped memory, so
workers may go on with their parent's."""


def open_pack(pack: Path) -> None:
    """Open a pack for `read_packed`; one that was replaced since is opened again.

    Raises:
        DatasetError: it is no pack, or a part of one.

    """
    try:
        found = pack.stat()
    except OSError as error:
        raise DatasetError("Cannot open a pack", found=error.strerror, where=pack) from error
    if pack in _opened and _opened[pack][0] == found.st_ino:
        return
    lmdb = _import()
    try:
        environment = lmdb.open(str(pack), subdir=False, readonly=True, lock=False, readahead=False)
        whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    except lmdb.Error as error:
        raise DatasetError(
            "Cannot open a pack", expected="a file by `stca data pack`", found=error, where=pack
        ) from error
    if found.st_size < whole:  # what is mapped and not there is no error of LMDB's but the end of the process
        raise DatasetError(
            "A pack is cut off",
            expected=f"{whole:,} bytes",
            found=f"{found.st_size:,}",
            where=pack,
            hint="copy it again, or write it again with `stca data pack`",
        )
    _opened[pack] = found.st_ino, environment


def _import() -> ModuleType:
    try:
        import lmdb
    except ImportError as error:
        raise StcaError("Packs need LMDB", found=error, hint="pip install 'stca[pack]'") from error
    module: ModuleType = lmdb
    return module
