"""Where a network sees that a track has changed its person."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from stca.tracking.appearance import NetworkChanges
from stca.tracking.appearance.network import BOUNDS, CHANGED_BY, every


class Encoder:
    """Vectors of people by the number in a crop's name; neighbouring crops differ by `noise`."""

    name = "made up"

    def __init__(self, person: Callable[[int], int], *, noise: float = 0.1, shared: float = 0.0) -> None:
        self._person, self._noise, self._shared = person, noise, shared
        self.asked: list[list[int]] = []

    def __call__(self, crops: Sequence[Path]) -> np.ndarray:
        numbers = [int(crop.stem) for crop in crops]
        self.asked.append(numbers)
        vectors = [self._of(number) for number in numbers]
        return np.array(vectors, np.float32)

    def _of(self, number: int) -> np.ndarray:
        rng = np.random.default_rng(number)
        vector = rng.normal(0, self._noise, 16)
        vector[self._person(number)] += 1
        vector[15] += self._shared  # what all people have in common
        return vector


def names(count: int) -> list[Path]:
    return [Path(f"{number:06d}.jpg") for number in range(count)]


@pytest.mark.parametrize("shared", [0.0, 1.0])
@pytest.mark.parametrize("rate", [5.0, 12.5, 25.0])
def test_the_change_is_found_and_only_some_crops_are_looked_at(rate: float, shared: float) -> None:
    """Also by a network to which everybody is alike (cosine 0.5), with nothing set."""
    count = round(10 * rate)
    encoder = Encoder(lambda number: int(number >= count // 2), noise=0.05, shared=shared)
    (start,) = NetworkChanges(encoder).starts(np.arange(count) / rate, names(count))
    assert abs(start - count // 2) <= 0.25 * rate
    assert len(encoder.asked[0]) <= 10 * min(rate, 5) + 1


def test_one_person_who_turns_slowly_is_one() -> None:
    class Turning(Encoder):
        def _of(self, number: int) -> np.ndarray:
            angle = number / 200 * np.pi / 2
            return super()._of(number) + np.eye(16)[8] * np.sin(angle) + np.eye(16)[9] * (np.cos(angle) - 1)

    assert NetworkChanges(Turning(lambda number: 0)).starts(np.arange(200) / 10, names(200)) == []


def test_the_threshold_is_a_multiple_of_the_usual_change() -> None:
    """By hand: the median over all windows with enough crops of 1 - cosine of the mean vectors."""
    changes = NetworkChanges(encoder := Encoder(lambda number: number // 60, noise=0.25))
    assert changes.changed() == BOUNDS[0], "nothing seen yet"
    times = np.arange(120) * 0.25
    changes.starts(times, names(120))
    vectors = encoder(names(120))
    usual = []
    for now in times:
        before = vectors[(times >= now - 2) & (times < now)]
        after = vectors[(times >= now) & (times < now + 2)]
        if min(len(before), len(after)) >= 3:
            a, b = ((v / np.linalg.norm(v, axis=1, keepdims=True)).mean(axis=0) for v in (before, after))
            usual.append(1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    expected = 1 - CHANGED_BY * float(np.median(usual))
    assert BOUNDS[0] < expected < BOUNDS[1]
    assert changes.changed() == pytest.approx(expected, abs=1e-5)


def test_noise_of_still_people_is_no_change() -> None:
    """Whose vectors hardly differ, so that a multiple of the usual change would be almost nothing."""
    encoder = Encoder(lambda number: 0, noise=0.001, shared=0.05)
    changes = NetworkChanges(encoder)
    assert changes.starts(np.arange(200) / 10, names(200)) == []
    assert changes.changed() == BOUNDS[1]


def test_short_tracks_are_not_looked_at() -> None:
    encoder = Encoder(lambda number: 0)
    assert NetworkChanges(encoder).starts(np.zeros(0), []) == []
    assert NetworkChanges(encoder).starts(np.array([0.5]), names(1)) == []
    assert encoder.asked == []


def test_every() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.5, 0.55, 0.7, 5.0])
    assert every(times, 0.2).tolist() == [0, 2, 3, 5, 6]
    assert every(np.zeros(0), 0.2).tolist() == []
