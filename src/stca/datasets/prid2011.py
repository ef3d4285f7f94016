"""PRID2011, multi-shot (Hirzer et al., SCIA 2011): 2 cameras, 200 persons seen by both, 178 of them used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from stca.datasets.layout import check_split, list_folder, require
from stca.datasets.two_cameras import (
    PeopleSplit,
    check_people,
    people_in_both,
    person_number,
    splits_of_people,
)
from stca.errors import ConfigError, DatasetError
from stca.tools.progress import progress
from stca.tracklets import Splits

LAYOUT = """\
ROOT/
  multi_shot/cam_a/person_0001/*.png   camera a asks
  multi_shot/cam_b/person_0001/*.png   camera b answers
  splits_prid2011.json                 [{"train": ["person_0001", ...], "test": [...]}, ...], unless a seed
                                       is given"""

_CAMERAS = ("multi_shot/cam_a", "multi_shot/cam_b")
_SHARED = 200  # persons 201 and up of the two cameras have the same numbers but are other people
_SEEDED_SPLITS = 10


def load(
    root: Path,
    *,
    split: int = 0,
    splits_file: str | Path | None = None,
    seed: int | None = None,
    min_frames: int = 22,
) -> Splits:
    """One split, protocol `prid2011`; results are means over ten.

    Args:
        root: the folder with `multi_shot`.
        split: 0 to 9.
        splits_file: the splits as JSON; without it ROOT/splits_prid2011.json. The usual file has 178
            persons, 89 to learn from and 89 to test on.
        seed: make ten splits instead: the persons seen by both cameras in at least `min_frames` frames,
            shuffled, one half each.
        min_frames: only with `seed`. The literature says "more than 21" (Wang et al., ECCV 2014).

    Raises:
        DatasetError: something is missing or damaged, or the splits name persons who are not there.
        ConfigError: no such split, or both `splits_file` and `seed`.

    """
    require(root, _CAMERAS, name="prid2011", layout=LAYOUT)
    cameras = (root / _CAMERAS[0], root / _CAMERAS[1])
    if splits_file is not None and seed is not None:
        raise ConfigError("prid2011: splits come from a file or from a seed", found="both")
    if seed is not None:
        people = _seeded(cameras, split, seed=seed, min_frames=min_frames)
    else:
        path = Path(splits_file).expanduser() if splits_file else root / "splits_prid2011.json"
        people = _from_file(path, split)
        check_people(people.train + people.test, people_in_both(cameras), where=root / "multi_shot")
    return splits_of_people("prid2011", cameras, people, protocols=("prid2011",))


def _seeded(cameras: tuple[Path, Path], split: int, *, seed: int, min_frames: int) -> PeopleSplit:
    check_split("prid2011", split, _SEEDED_SPLITS)
    both = [person for person in people_in_both(cameras) if person_number(person) <= _SHARED]
    long = [
        person
        for person in progress(both, label="measuring prid2011")
        if all(len(list_folder(camera / person).images) >= min_frames for camera in cameras)
    ]
    order = [long[index] for index in np.random.default_rng([seed, split]).permutation(len(long))]
    return PeopleSplit(train=tuple(order[len(order) // 2 :]), test=tuple(order[: len(order) // 2]))


def _from_file(path: Path, split: int) -> PeopleSplit:
    expected = '[{"train": ["person_0001", ...], "test": [...]}, ...]'
    hint = "put it there, name it by splits_file=, or make splits by seed="
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
        people = [PeopleSplit(tuple(one["train"]), tuple(one["test"])) for one in splits]
        if not people:
            raise ValueError("no split in it")
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DatasetError(
            "prid2011: cannot read the splits", expected=expected, found=found, where=path, hint=hint
        ) from error
    check_split("prid2011", split, len(people))
    return people[split]
