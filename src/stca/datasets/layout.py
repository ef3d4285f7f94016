"""Reading folders alike for every data set: sorted as people sort, hidden files unseen, clear errors."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from stca.errors import ConfigError, DatasetError
from stca.footage.images import IMAGE_SUFFIXES
from stca.tools.files import natural_key as natural_key


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder, by natural order; hidden entries are not looked at.

    Args:
        folders: names of the folders.
        images: names of the files whose suffix says image.
        strays: number of other files.

    """

    folders: tuple[str, ...]
    images: tuple[str, ...]
    strays: int


def list_folder(folder: Path) -> Listing:
    """Look into `folder`.

    Raises:
        DatasetError: it is not there, or no folder, or may not be read.

    """
    folders, images, strays = [], [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122 (a million names)
                    images.append(entry.name)
                else:
                    strays += 1
    except OSError as error:
        raise DatasetError("Cannot look into a folder", found=error.strerror, where=folder) from error
    return Listing(tuple(sorted(folders, key=natural_key)), tuple(sorted(images, key=natural_key)), strays)


def size_and_time(path: str | Path) -> tuple[int, int]:
    """Bytes and time of the last change (ns): by these a file is taken for the one it was."""
    status = os.stat(path)  # noqa: PTH116 (names are all there is of a million files)
    return status.st_size, status.st_mtime_ns


def require(root: Path, wanted: tuple[str, ...], *, name: str, layout: str) -> None:
    """Make sure that `root` holds every path of `wanted`.

    Raises:
        DatasetError: with the missing ones, the layout, and the right root where it is near.

    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise DatasetError(f"{name}: the root is no folder", expected="a folder", found=found, where=root)
    missing = [path for path in wanted if not (root / path).exists()]
    if not missing:
        return
    near = [*root.absolute().parents[:2], *(root / child for child in list_folder(root).folders)]
    right = next((place for place in near if all((place / path).exists() for path in wanted)), None)
    raise DatasetError(
        f"{name}: the root lacks {', '.join(missing)}",
        expected=block(layout),
        found=describe(root),
        where=root,
        hint=f"this folder has them: {right}" if right else "give the folder that holds all of them",
    )


def describe(root: Path) -> str:
    """One line about a folder's content, for messages."""
    listing = list_folder(root)
    shown = ", ".join(listing.folders[:5]) + (", ..." if len(listing.folders) > 5 else "")
    files = f"{len(listing.images)} images and {listing.strays} other files"
    return f"{len(listing.folders)} folders{f' ({shown})' if shown else ''}, {files}"


def block(layout: str) -> str:
    """A layout as a paragraph of an error message."""
    return "\n" + textwrap.indent(layout, "    ")


def only_split(name: str, split: int) -> None:
    """Refuse any split but 0, for a data set that has one.

    Raises:
        ConfigError: `split` is not 0.

    """
    check_split(name, split, 1)


def check_split(name: str, split: int, count: int) -> None:
    """Refuse a split number that `name`, which has `count` of them, does not have.

    Raises:
        ConfigError: `split` is not in 0 .. count - 1.

    """
    if not 0 <= split < count:
        valid = "0 (it has one split)" if count == 1 else f"0 to {count - 1}"
        raise ConfigError(f"{name} has no split {split}", expected=valid, found=split)


def read_mat(path: Path, variable: str) -> np.ndarray:
    """One integer matrix of a MATLAB file, as int64.

    Raises:
        DatasetError: the file is missing or damaged, or has no such matrix.

    """
    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises some ten different kinds on damaged files
        raise DatasetError(
            "Cannot read a MATLAB file",
            found=f"{type(error).__name__}: {error}",
            where=path,
            hint="is it complete? fetch it again",
        ) from error
    if variable not in content:
        names = [name for name in content if not name.startswith("__")]
        raise DatasetError("A MATLAB file lacks its table", expected=variable, found=names, where=path)
    table = np.asarray(content[variable])
    if table.ndim != 2 or table.dtype.kind not in "iuf" or not np.array_equal(table, table.astype(np.int64)):
        raise DatasetError(
            f"{variable} is no table of whole numbers", found=f"{table.shape} {table.dtype}", where=path
        )
    return table.astype(np.int64)
