"""Made-up vectors of people, and the slow, obvious gallery: a list."""

from __future__ import annotations

import numpy as np

from stca.gallery import ModelFingerprint, Record

DIM = 16
FINGERPRINT = ModelFingerprint.bare(DIM)
CAMERAS = ("north", "south", "yard")


def vectors(count: int, *, dim: int = DIM, seed: int = 0, people: int | None = None) -> np.ndarray:
    """(count, dim) float32, of people or so."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((people or max(1, count // 5), dim))
    who = rng.integers(0, len(centres), count)
    return (centres[who] + 0.4 * rng.standard_normal((count, dim))).astype(np.float32)


def record(number: int, *, content: str = "") -> Record:
    """One of each camera in turn; every fifth without times."""
    camera = CAMERAS[number % len(CAMERAS)]
    times = (None, None) if number % 5 == 4 else (float(number), number + 3.0)
    return Record(f"{camera}/{number:04d}", camera, *times, content=content)


def slow_search(
    rows: dict[str, tuple[Record, np.ndarray]],
    query: np.ndarray,
    k: int,
    *,
    cameras: tuple[str, ...] | None = None,
    time: tuple[float, float] | None = None,
    without: str | None = None,
) -> list[tuple[str, float]]:
    """Compare with everything, one by one."""
    found = []
    for key, (each, vector) in rows.items():
        if key == without or (cameras is not None and each.camera not in cameras):
            continue
        if time is not None and (each.first is None or each.first > time[1] or each.last < time[0]):
            continue
        a, b = query.astype(np.float64), vector.astype(np.float64)
        found.append((key, float(a @ b / np.sqrt((a @ a) * (b @ b)))))
    return sorted(found, key=lambda pair: -pair[1])[:k]
