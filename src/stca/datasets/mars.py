"""MARS (Zheng et al., ECCV 2016): 1,261 persons, 6 cameras, 20,478 tracklets, 1,191,003 frames.

Tracklets come from the protocol's own tables; no image folder is listed and no image opened.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from stca.datasets.layout import only_split, read_mat, require
from stca.errors import DatasetError
from stca.tracklets import Splits, Tracklet

LAYOUT = """\
ROOT/
  bbox_train/0001/0001C1T0001F001.jpg ...   person/frames; the name says person, camera, tracklet, frame
  bbox_test/0000/ ... 00-1/ ... 0002/ ...   0000 distractors, 00-1 junk
  info/train_name.txt        one image name a line, in the order of the tables
  info/test_name.txt
  info/tracks_train_info.mat track_train_info: first and last image (from 1), person, camera
  info/tracks_test_info.mat  track_test_info
  info/query_IDX.mat         query_IDX: rows of the test table (from 1) that ask"""

_INFO = ("train_name.txt", "test_name.txt", "tracks_train_info.mat", "tracks_test_info.mat", "query_IDX.mat")
_JUNK = -1


def load(root: Path, *, split: int = 0) -> Splits:
    """MARS as its authors divided it.

    `gallery` holds the test tracklets that are neither junk (person -1) nor queries; distractors
    (person 0) stay. That is protocol A as it stands; protocol B adds the queries.

    Args:
        root: the folder with `bbox_train`, `bbox_test` and `info`.
        split: 0, there is one.

    Raises:
        DatasetError: a missing or damaged info file, tables that do not fit the lists of names,
            or a name that contradicts its table.
        ConfigError: another split.

    """
    only_split("mars", split)
    require(root, tuple(f"info/{name}" for name in _INFO), name="mars", layout=LAYOUT)
    train_table = _read_table(root / "info" / "tracks_train_info.mat", "track_train_info")
    test_table = _read_table(root / "info" / "tracks_test_info.mat", "track_test_info")
    query_rows = _read_query(root / "info" / "query_IDX.mat", len(test_table))
    persons = test_table[:, 2]
    answers = np.ones(len(test_table), dtype=bool)
    answers[query_rows] = False
    gallery_rows = np.flatnonzero(answers & (persons != _JUNK))
    train_names = _read_names(root / "info" / "train_name.txt", train_table)
    test_names = _read_names(root / "info" / "test_name.txt", test_table)
    train_rows = np.flatnonzero(train_table[:, 2] != _JUNK)
    return Splits(
        name="mars",
        train=_tracklets(train_table, train_rows, train_names, root / "bbox_train"),
        query=_tracklets(test_table, query_rows, test_names, root / "bbox_test"),
        gallery=_tracklets(test_table, gallery_rows, test_names, root / "bbox_test"),
        protocols=("mars-A", "mars-B"),
        notes={
            "junk tracklets left out": int((persons == _JUNK).sum() + len(train_table) - len(train_rows)),
            "distractor tracklets in the gallery": int((persons[gallery_rows] == 0).sum()),
        },
    )


def _read_table(path: Path, variable: str) -> np.ndarray:
    table = read_mat(path, variable)
    if table.shape[1] != 4:
        raise DatasetError(
            f"{variable} has the wrong shape",
            expected="4 columns: first, last, person, camera",
            found=table.shape,
            where=path,
        )
    wrong = np.flatnonzero((table[:, 0] < 1) | (table[:, 1] < table[:, 0]))
    if len(wrong):
        raise DatasetError(
            f"{variable} has tracklets without frames",
            expected="1 <= first <= last",
            found=f"{len(wrong)} rows, the first is row {wrong[0] + 1}: {table[wrong[0]].tolist()}",
            where=path,
        )
    return table


def _read_query(path: Path, num_tracklets: int) -> np.ndarray:
    rows = read_mat(path, "query_IDX").ravel() - 1
    wrong = rows[(rows < 0) | (rows >= num_tracklets)]
    if len(wrong) or len(np.unique(rows)) != len(rows):
        found = f"{wrong[0] + 1}" if len(wrong) else "rows named twice"
        expected = f"different rows of the test table, 1 to {num_tracklets}"
        raise DatasetError(
            "query_IDX does not fit the test table", expected=expected, found=found, where=path
        )
    return rows


def _read_names(path: Path, table: np.ndarray) -> list[str]:
    names = path.read_text(encoding="utf-8", errors="replace").split()
    if len(names) < table[:, 1].max(initial=0):
        raise DatasetError(
            "A list of image names is too short for its table",
            expected=f"at least {table[:, 1].max()} lines",
            found=len(names),
            where=path,
            hint="is the file complete?",
        )
    return names


def _tracklets(table: np.ndarray, rows: np.ndarray, names: list[str], folder: Path) -> tuple[Tracklet, ...]:
    tracklets = []
    for row in rows:
        first, last, person, camera = (int(value) for value in table[row])
        frames = names[first - 1 : last]
        prefix = f"{person:04d}C{camera}T"
        for name in frames:
            if not name.startswith(prefix):
                raise _contradiction(name, person, camera, folder)
        place = folder / f"{person:04d}"
        key = f"{folder.name}/{row + 1:05d}/{frames[0][: len(prefix) + 4]}"
        tracklets.append(Tracklet(tuple(place / name for name in frames), person, camera, key))
    return tuple(tracklets)


def _contradiction(name: str, person: int, camera: int, folder: Path) -> DatasetError:
    parsed = re.match(r"(\d{4,})C(\d+)T\d+F\d+\.", name)
    found = f"person {int(parsed[1])}, camera {parsed[2]}" if parsed else "a name that does not parse"
    return DatasetError(
        "An image name and its table disagree",
        expected=f"person {person}, camera {camera}, as in {person:04d}C{camera}T0001F001.jpg",
        found=f"{name}: {found}",
        where=folder,
        hint="are the lists of names and the .mat files of one release?",
    )
