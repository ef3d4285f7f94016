"""What iLIDS-VID and PRID2011 share: two cameras, one sequence per person and camera, splits by person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stca.datasets.layout import list_folder
from stca.errors import DatasetError
from stca.tools.progress import progress
from stca.tracklets import Splits, Tracklet


@dataclass(frozen=True, slots=True)
class PeopleSplit:
    """Names of the persons' folders to learn from and to test on.

    Raises:
        DatasetError: a person is in both, or named twice.

    """

    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        names = self.train + self.test
        if len(set(names)) != len(names):
            twice = sorted(name for name, count in Counter(names).items() if count > 1)
            raise DatasetError("A split names persons twice", expected="train or test", found=twice[:5])


def splits_of_people(
    name: str, cameras: tuple[Path, Path], people: PeopleSplit, *, protocols: tuple[str, ...]
) -> Splits:
    """Train on both cameras; test persons ask in the first camera and answer in the second.

    Person ids are the numbers in the folders' names, camera ids 1 and 2.

    Raises:
        DatasetError: a person's folder is missing, empty or without a number.

    """
    notes: Counter[str] = Counter()
    first, second = cameras
    train = [
        _read(place, camera, person, notes)
        for person in progress(sorted(people.train), label=f"reading {name}, train")
        for camera, place in ((1, first), (2, second))
    ]
    test = [
        (_read(first, 1, person, notes), _read(second, 2, person, notes))
        for person in progress(sorted(people.test), label=f"reading {name}, test")
    ]
    query, gallery = tuple(q for q, _ in test), tuple(g for _, g in test)
    return Splits(name, tuple(train), query, gallery, protocols, dict(notes))


def people_in_both(cameras: tuple[Path, Path]) -> tuple[str, ...]:
    """Names of the folders that both cameras have, in natural order."""
    first, second = (list_folder(camera).folders for camera in cameras)
    return tuple(person for person in first if person in set(second))


def person_number(person: str) -> int:
    """The number in the name of a person's folder.

    Raises:
        DatasetError: there is none.

    """
    if number := re.search(r"[0-9]+", person):
        return int(number[0])
    raise DatasetError("The name of a person's folder has no number", expected="person_0001", found=person)


def check_people(people: Iterable[str], known: Iterable[str], *, where: Path) -> None:
    """Make sure that all `people` are `known` folders.

    Raises:
        DatasetError: some are not.

    """
    missing = sorted(set(people) - set(known))
    if missing:
        raise DatasetError(
            "A split names persons who are not there",
            expected="a folder under both cameras for each",
            found=f"{len(missing)} without, the first is {missing[0]}",
            where=where,
        )


def _read(place: Path, camera: int, person: str, notes: Counter[str]) -> Tracklet:
    listing = list_folder(place / person)
    if not listing.images:
        raise DatasetError("A person's folder has no images", found="none", where=place / person)
    if listing.strays:
        notes["files that are no images, ignored"] += listing.strays
    frames = tuple(place / person / name for name in listing.images)
    return Tracklet(frames, person_number(person), camera, f"{place.name}/{person}")
