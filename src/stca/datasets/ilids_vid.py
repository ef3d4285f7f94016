"""iLIDS-VID (Wang et al., ECCV 2014): 300 persons, 2 cameras, 600 sequences, 10 splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stca.datasets.layout import check_split, list_folder, read_mat, require
from stca.datasets.two_cameras import PeopleSplit, splits_of_people
from stca.errors import DatasetError
from stca.tracklets import Splits

LAYOUT = """\
ROOT/
  i-LIDS-VID/sequences/cam1/person001/*.png               camera 1 asks
  i-LIDS-VID/sequences/cam2/person001/*.png               camera 2 answers
  train-test people splits/train_test_splits_ilidsvid.mat ls_set, 10 x 300: the first half of a row are
                                                          the test persons, from 1 into the sorted folders"""

_CAMERAS = ("i-LIDS-VID/sequences/cam1", "i-LIDS-VID/sequences/cam2")
_NUM_SPLITS, _NUM_PERSONS = 10, 300
_SPLITS = "train-test people splits/train_test_splits_ilidsvid.mat"


def load(root: Path, *, split: int = 0) -> Splits:
    """One of the ten official splits, protocol `ilids-vid`; results are means over all ten.

    Args:
        root: the folder with `i-LIDS-VID` and `train-test people splits`.
        split: 0 to 9, a row of `ls_set`.

    Raises:
        DatasetError: something is missing or damaged, or the table does not fit the folders.
        ConfigError: no such split.

    """
    require(root, (*_CAMERAS, _SPLITS), name="ilids_vid", layout=LAYOUT)
    cameras = (root / _CAMERAS[0], root / _CAMERAS[1])
    first, second = (list_folder(camera).folders for camera in cameras)
    if first != second:
        raise DatasetError(
            "ilids_vid: the two cameras show different persons",
            expected="the same folders in cam1 and cam2",
            found=f"{sorted(set(first) ^ set(second))[:5]} in one of them only",
            where=cameras[0].parent,
        )
    check_split("ilids_vid", split, _NUM_SPLITS)
    table = read_mat(root / _SPLITS, "ls_set")
    if table.shape != (_NUM_SPLITS, _NUM_PERSONS):
        raise DatasetError(
            "ilids_vid: the table of splits has the wrong shape",
            expected=f"ls_set, {_NUM_SPLITS} splits x {_NUM_PERSONS} persons",
            found=" x ".join(map(str, table.shape)),
            where=root / _SPLITS,
            hint="is it the .mat file that came with the data set?",
        )
    if not np.array_equal(np.sort(table[split]), np.arange(1, len(first) + 1)):
        raise DatasetError(
            "ilids_vid: the splits do not fit the folders",
            expected=f"rows that hold each of 1 to {len(first)} once, one number per person's folder",
            found=f"{len(first)} folders, a row of {table[split].min()} to {table[split].max()}",
            where=root / _SPLITS,
            hint="is one of the 300 persons missing?",
        )
    names = [first[index - 1] for index in table[split]]
    half = len(names) // 2
    people = PeopleSplit(train=tuple(names[half:]), test=tuple(names[:half]))
    return splits_of_people("ilids_vid", cameras, people, protocols=("ilids-vid",))
