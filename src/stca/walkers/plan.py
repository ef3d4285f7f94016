"""Settings of a synthetic data set, and its plan: persons, cameras and tracklets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from stca.errors import ConfigError
from stca.walkers.people.people import Walker, draw_twins, draw_walker
from stca.walkers.places.cameras import Camera, draw_camera
from stca.walkers.places.nuisances import Nuisances

VERSION = 1
"""Of the pictures: raised whenever the same settings give other pictures."""

_DISTRACTORS, _JUNK = 20_000, 40_000  # the numbers of people who have no name start here


class Seed(IntEnum):
    """What a random generator is for: the second number of its seed."""

    PERSON = 0
    TWINS = 1
    CAMERA = 2
    TRACKLET = 3
    PLAN = 4
    PASSER_BY = 5
    QUERY = 6
    SCENE_PERSON = 7
    SCENE_CAMERA = 8
    ITINERARY = 9
    TRAVEL = 10
    SCENE_FRAME = 11


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides what is made; the recipe in `walkers.json`."""

    train_persons: int
    test_persons: int
    cameras: int
    tracklets_per_camera: tuple[int, int]
    frames: tuple[int, int]
    size: tuple[int, int]
    seed: int
    twins: bool
    distractors: int
    junk: int
    nuisances: Nuisances

    def __post_init__(self) -> None:
        check_range("train_persons", self.train_persons, 1, 4999)
        check_range("test_persons", self.test_persons, 1, 4999)
        check_range("cameras", self.cameras, 2, 6)
        check_range("distractors", self.distractors, 0, 9999)
        check_range("junk", self.junk, 0, 9999)
        check_range("seed", self.seed, 0, 2**63 - 1)
        check_pair("tracklets_per_camera", self.tracklets_per_camera, 1, 99)
        check_pair("frames", self.frames, 1, 999)
        for name, value in zip(("height", "width"), self.size, strict=True):
            check_range(f"size's {name}", value, 16, 1024)
        if self.twins and (self.train_persons % 2 or self.test_persons % 2):
            raise ConfigError(
                "Twins come in pairs",
                expected="even train_persons and test_persons",
                found=f"{self.train_persons} and {self.test_persons}",
            )

    def recipe(self) -> dict[str, object]:
        """As it is written to `walkers.json`."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return {"made_by": "stca.datasets.walkers", "version": VERSION, **plain}


@dataclass(frozen=True, slots=True)
class Shot:
    """One tracklet that is to be filmed. `label` is the person as MARS writes it: 0001, 0000 or 00-1."""

    part: str
    label: str
    person: int
    camera: int
    number: int
    frames: int

    def names(self) -> list[str]:
        """File names of its frames, in order."""
        return [
            f"{self.label}C{self.camera}T{self.number:04d}F{f:03d}.jpg" for f in range(1, self.frames + 1)
        ]


def plan(settings: Settings) -> list[Shot]:
    """All tracklets, in the order of MARS's tables: by part, then by name."""
    shots: list[Shot] = []
    for person in range(1, settings.train_persons + settings.test_persons + 1):
        part = "bbox_train" if person <= settings.train_persons else "bbox_test"
        shots += _shots_of(settings, part, person)
    for label, count, base in (("0000", settings.distractors, _DISTRACTORS), ("00-1", settings.junk, _JUNK)):
        rng = np.random.default_rng((settings.seed, Seed.PLAN, base))
        used = np.zeros(settings.cameras + 1, int)
        for index in range(count):
            camera = int(rng.integers(1, settings.cameras + 1))
            used[camera] += 1
            length = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
            shots.append(Shot("bbox_test", label, base + index, camera, int(used[camera]), length))
    return sorted(shots, key=lambda s: (s.part != "bbox_train", s.label, s.camera, s.number))


def _shots_of(settings: Settings, part: str, person: int) -> Iterator[Shot]:
    # Twins are seen by the same cameras, equally often and long: that tells nothing about them either.
    key = (person - 1) // 2 + 10_000 if settings.twins else person
    rng = np.random.default_rng((settings.seed, Seed.PLAN, key))
    seen_by = int(rng.integers(max(2, settings.cameras - 2), settings.cameras + 1))
    for camera in sorted(rng.choice(settings.cameras, seen_by, replace=False)):
        low, high = settings.tracklets_per_camera
        for number in range(1, int(rng.integers(low, high + 1)) + 1):
            length = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
            yield Shot(part, f"{person:04d}", person, int(camera) + 1, number, length)


def camera_of(settings: Settings, camera: int) -> Camera:
    """Camera 1, 2, ... of a data set."""
    return _camera(settings.seed, camera, settings.cameras, settings.nuisances)


@lru_cache(maxsize=32)
def _camera(seed: int, camera: int, cameras: int, nuisances: Nuisances) -> Camera:
    return draw_camera(np.random.default_rng((seed, Seed.CAMERA, camera)), camera - 1, cameras, nuisances)


@lru_cache(maxsize=64)
def walker_of(seed: int, twins: bool, person: int) -> Walker:
    """Person 1, 2, ... of a data set, or a person without a name."""
    if twins and person < _DISTRACTORS:
        pair = draw_twins(np.random.default_rng((seed, Seed.TWINS, (person - 1) // 2)))
        return pair[(person - 1) % 2]
    return draw_walker(np.random.default_rng((seed, Seed.PERSON, person)))


@lru_cache(maxsize=32)
def passer_by(seed: int, number: int) -> Walker:
    """One of the people who come into other people's tracklets, 0 to 7."""
    return draw_walker(np.random.default_rng((seed, Seed.PASSER_BY, number)))


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raise a `ConfigError` unless `value` is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is out of range", expected=f"a whole number, {low} to {high}", found=value)


def check_pair(name: str, value: tuple[int, int], low: int, high: int) -> None:
    """Raise a `ConfigError` unless `value` is (fewest, most), both from `low` to `high`."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise ConfigError(f"{name} is a pair", expected="(fewest, most)", found=value)
    for part in value:
        check_range(name, part, low, high)
    if value[0] > value[1]:
        raise ConfigError(f"{name} is the wrong way round", expected="(fewest, most)", found=value)
