"""Small data sets on disk, in the layouts of the real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from stca.footage.images import write_jpeg

Rows = Sequence[tuple[int, int, int]]  # person, camera, frames


@pytest.fixture(scope="session")
def touch() -> Callable[..., None]:
    def make(folder: Path, *names: str) -> None:
        """Empty files; loaders look at names only."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).touch()

    return make


@pytest.fixture(scope="session")
def jpegs() -> Callable[..., None]:
    def make(folder: Path, *names: str, size: tuple[int, int] = (16, 8)) -> None:
        for number, name in enumerate(names):
            write_jpeg(folder / name, np.full((*size, 3), 40 * (number % 6), dtype=np.uint8))

    return make


@pytest.fixture(scope="session")
def make_mars() -> Callable[..., Path]:
    def make(root: Path, *, train: Rows, test: Rows, query: Sequence[int]) -> Path:
        """The info folder of MARS for these tracklets; `query` are rows of `test`, from 1."""
        info = root / "info"
        info.mkdir(parents=True)
        for part, rows in (("train", train), ("test", test)):
            table, names = [], []
            for number, (person, camera, frames) in enumerate(rows):
                table.append((len(names) + 1, len(names) + frames, person, camera))
                prefix = "00-1" if person == -1 else f"{person:04d}"
                names += [f"{prefix}C{camera}T{number + 1:04d}F{k:03d}.jpg" for k in range(1, frames + 1)]
            savemat(info / f"tracks_{part}_info.mat", {f"track_{part}_info": np.array(table, dtype=np.int32)})
            (info / f"{part}_name.txt").write_text("\n".join(names) + "\n")
        savemat(info / "query_IDX.mat", {"query_IDX": np.array([query], dtype=np.uint16)})
        return root

    return make
