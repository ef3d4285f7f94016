import numpy as np
import pytest

from stca.tracking.appearance import change_points


def colours_of(people: list[int], *, noise: float = 0.05) -> list[np.ndarray]:
    """Unit vectors, one direction per person."""
    rng = np.random.default_rng(0)
    vectors = np.abs(np.eye(8)[people] + rng.normal(0, noise, (len(people), 8)))
    return list((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


def slow(times: np.ndarray, colours: list[np.ndarray], changed: float) -> list[int]:
    """As the docstring says it, one moment after the other."""
    found: dict[float, dict[int, float]] = {0.8: {}, 3.0: {}}
    for window, cosines in found.items():
        for i, now in enumerate(times):
            before = [c for t, c in zip(times, colours, strict=True) if now - window <= t < now]
            after = [c for t, c in zip(times, colours, strict=True) if now <= t < now + window]
            if min(len(before), len(after)) >= 3:
                a, b = np.mean(before, axis=0), np.mean(after, axis=0)
                cosines[i] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    points: list[int] = []
    for i in sorted(found[0.8], key=lambda i: found[0.8][i]):
        both = found[0.8][i] < changed and found[3.0][i] < changed
        if both and all(abs(times[i] - times[p]) >= 0.8 for p in points):
            points.append(i)
    return sorted(points)


@pytest.mark.parametrize("rate", [5.0, 10.0, 25.0])
def test_a_change_is_found_at_any_frame_rate(rate: float) -> None:
    count = round(4 * rate)
    times = np.arange(2 * count) / rate
    assert change_points(times, colours_of([0] * count + [1] * count)) == [count]
    assert change_points(times, colours_of([0] * 2 * count)) == []


def test_the_same_as_moment_by_moment() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        people = np.repeat(rng.integers(0, 4, 6), rng.integers(3, 30, 6)).tolist()
        times = np.cumsum(rng.uniform(0.02, 0.2, len(people)))
        colours = colours_of(people, noise=0.1)
        assert change_points(times, colours) == slow(times, colours, 0.7)


def test_what_passes_in_front_for_a_second_is_no_change() -> None:
    times = np.arange(100) / 10
    assert change_points(times, colours_of([0] * 45 + [1] * 10 + [0] * 45)) == []
    assert change_points(times, colours_of([0] * 45 + [1] * 55)) == [45]


def test_nothing_and_little() -> None:
    assert change_points(np.zeros(0), []) == []
    assert change_points(np.arange(4) / 10, colours_of([0, 0, 1, 1])) == []
