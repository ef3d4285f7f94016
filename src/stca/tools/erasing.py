"""Removing files so that what they held is overwritten on the disk first.

A file that is only unlinked leaves its bytes on the disk until something else is written there. Overwriting
reaches them on file systems that write in place (ext4, XFS, NTFS); it does not on those that write elsewhere
(Btrfs, ZFS, snapshots), nor in the spare blocks of a solid-state disk, which only encryption protects.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import IO

_PIECE = bytes(1 << 20)


def erase_file(path: Path) -> None:
    """Overwrite a file with zeros, wait for the disk, remove it; nothing happens where there is none.

    A symbolic link is removed and what it points to stays; so do the bytes of a file that has other names
    (hard links).
    """
    try:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            if not status.st_mode & stat.S_IWUSR:
                path.chmod(status.st_mode | stat.S_IWUSR)
            with path.open("r+b", buffering=0) as file:
                _overwrite(file)
        path.unlink()
    except FileNotFoundError:
        return


def replace_erasing(path: Path, data: bytes) -> None:
    """Replace a file's content atomically, keep its mode, then overwrite the old content on the disk."""
    with path.open("r+b", buffering=0) as old:
        status = os.fstat(old.fileno())
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(data)
                new.flush()
                os.fsync(new.fileno())
            Path(name).chmod(stat.S_IMODE(status.st_mode))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        if status.st_nlink == 1:
            _overwrite(old)


def erase_tree(folder: Path) -> int:
    """Erase every file below a folder, and the folder; links are not followed. Returns how many files."""
    erased = 0
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            erased += erase_tree(path)
        else:
            erase_file(path)
            erased += 1
    folder.rmdir()
    return erased


def _overwrite(file: IO[bytes]) -> None:
    size, written = os.fstat(file.fileno()).st_size, 0
    file.seek(0)
    while written < size:
        written += file.write(_PIECE[: size - written])
    getattr(os, "fdatasync", os.fsync)(file.fileno())
