"""Random vectors for the gallery benchmark, with the statistics of real embeddings.

They follow measurements on 820 crops of 125 people in MOT17 and PETS (every third image, OSNet x0.25):
between people, 8, 16, 32, 64, 128, 256 directions hold 41, 55, 70, 86, 96, 99 % of the variance, and 42 % of
it is between crops of the same person; cosines are 0.72 ± 0.11 within people and 0.44 ± 0.10 between (here
0.75 and 0.45); the local intrinsic dimension is 10, as here. A person has 8 tracklets on average (geometric)
in 8 cameras that shift all vectors a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

CAMERAS = 8
QUERIES = 500
K = 10
_DIRECTIONS = (0, 8, 16, 32, 64, 128, 256)
_BETWEEN = (0, 0.412, 0.55, 0.702, 0.855, 0.956, 0.993)
_WITHIN = (0, 0.281, 0.424, 0.609, 0.802, 0.934, 0.991)


@dataclass(frozen=True)
class Data:
    """(N, D) rows in a file, their cameras, the queries, and the results of exact search."""

    rows: np.ndarray
    camera: np.ndarray
    queries: np.ndarray
    searched_camera: np.ndarray
    nearest: list[set[int]]
    nearest_there: list[set[int]]


def directions(dim: int, held: tuple[float, ...]) -> np.ndarray:
    """Standard deviation along each direction, for a total variance of 1."""
    share = np.interp(np.arange(dim + 1), [*_DIRECTIONS, dim], [*held, 1.0])
    return np.sqrt(np.diff(share)).astype(np.float32)


def make(count: int, dim: int, folder: Path) -> Data:
    rng = np.random.default_rng(0)
    total = count + QUERIES
    people = np.repeat(np.arange(total), rng.geometric(1 / 8, total))[:total]
    people = people[rng.permutation(total)]
    camera = rng.integers(0, CAMERAS, total)
    between, within = directions(dim, _BETWEEN), directions(dim, _WITHIN)
    centres = 0.76 * between * rng.standard_normal((people.max() + 1, dim), dtype=np.float32)
    shift = 0.25 * between * rng.standard_normal((CAMERAS, dim), dtype=np.float32)
    middle = rng.standard_normal(dim, dtype=np.float32)
    middle *= 0.9 / np.linalg.norm(middle)
    rows = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float32, (total, dim))
    for start in range(0, total, 20_000):
        part = slice(start, start + 20_000)
        noise = rng.standard_normal((len(people[part]), dim), dtype=np.float32)
        some = centres[people[part]] + shift[camera[part]] + middle + 0.65 * within * noise
        rows[part] = some / np.linalg.norm(some, axis=1, keepdims=True)
    del centres
    np.save(folder / "camera.npy", camera)
    queries, searched_camera = np.array(rows[count:]), rng.integers(0, CAMERAS, QUERIES)
    nearest, there = exact(rows[:count], camera[:count], queries, searched_camera)
    return Data(rows[:count], camera[:count], queries, searched_camera, nearest, there)


def exact(
    rows: np.ndarray, camera: np.ndarray, queries: np.ndarray, searched_camera: np.ndarray
) -> tuple[list[set[int]], list[set[int]]]:
    """The ten nearest rows of every query, in all cameras and in the searched camera."""
    best: list[list[np.ndarray]] = [[], []]
    for start in range(0, len(rows), 50_000):
        scores = queries @ np.asarray(rows[start : start + 50_000]).T
        for kind in range(2):
            if kind:
                scores[searched_camera[:, None] != camera[start : start + 50_000]] = -2
            places = np.argpartition(-scores, K, axis=1)[:, :K]
            best[kind].append(np.stack([places + start, np.take_along_axis(scores, places, axis=1)]))
    found = []
    for parts in best:
        places, values = np.concatenate(parts, axis=2)
        order = np.argsort(-values, axis=1)[:, :K]
        found.append([set(row.astype(int).tolist()) for row in np.take_along_axis(places, order, axis=1)])
    return found[0], found[1]
