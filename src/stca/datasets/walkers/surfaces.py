"""Bodies and clothes as clouds of surface points: lofted tubes, hung on the bones of a skeleton."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from scipy.interpolate import PchipInterpolator

from stca.datasets.walkers.gait import BONE_INDEX, BONES

_LEVELS = 8  # a point between two bones follows them in eighths

Points = Float32[np.ndarray, "P 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One piece of surface of the standing body.

    Args:
        points: (P, 3) metres.
        normals: (P, 3), of length 1, outward.
        albedo: (P, 3) share of red, green and blue light thrown back, linear.
        bones: the two bones it hangs on.
        second: (P,) share of the second bone, 0 to 1.

    """

    points: Points
    normals: Points
    albedo: Points
    bones: tuple[str, str]
    second: Float32[np.ndarray, " P"]


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A whole person: points sorted so that each slice follows the bones by one fixed blend.

    Args:
        points: (P, 4), homogeneous.
        normals: (P, 3).
        albedo: (P, 3), linear.
        starts: (M + 1,) where the slices start; the last one is P.
        blends: (M, number of bones) share of each bone in each slice.
        spacing: metres between neighbouring points; a picture whose pixels are smaller shows holes.

    """

    points: Float32[np.ndarray, "P 4"]
    normals: Points
    albedo: Points
    starts: Int64[np.ndarray, " M1"]
    blends: Float32[np.ndarray, "M bones"]
    spacing: float


def sew(patches: Sequence[Patch], spacing: float) -> Surface:
    """Put patches together into one surface."""
    codes = []
    for patch in patches:
        level = np.rint(patch.second * _LEVELS).astype(np.int64)
        first, second = (BONE_INDEX[name] for name in patch.bones)
        codes.append((first * len(BONES) + second) * (_LEVELS + 1) + level)
    code = np.concatenate(codes)
    order = np.argsort(code, kind="stable")
    kinds, starts = np.unique(code[order], return_index=True)
    blends = np.zeros((len(kinds), len(BONES)), dtype=np.float32)
    for row, kind in enumerate(kinds):
        pair, level = divmod(int(kind), _LEVELS + 1)
        first, second = divmod(pair, len(BONES))
        blends[row, first] += 1 - level / _LEVELS
        blends[row, second] += level / _LEVELS
    points = np.concatenate([p.points for p in patches])[order]
    return Surface(
        points=np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1),
        normals=np.concatenate([p.normals for p in patches])[order],
        albedo=np.concatenate([p.albedo for p in patches])[order],
        starts=np.append(starts, len(points)).astype(np.int64),
        blends=blends,
        spacing=spacing,
    )


def loft(
    profile: Sequence[tuple[float, float, float, float, float]],
    spacing: float,
    *,
    power: float = 2.0,
    folds: Callable[[Points], Float32[np.ndarray, " P"]] | None = None,
) -> tuple[Points, Points]:
    """A tube through rings.

    Args:
        profile: rings from one end to the other as (y, half width along x, half depth along z, centre x,
            centre z); radii of 0 close an end.
        spacing: metres between points.
        power: 2 for ellipses; larger is boxier.
        folds: how far a point is pushed outward, metres.

    Returns:
        points and outward normals, (P, 3) each.

    """
    rings = np.asarray(profile, dtype=np.float64)
    steps = np.abs(np.diff(rings[:, :3], axis=0)).max(axis=1)
    along = np.concatenate([[0.0], np.cumsum(np.maximum(steps, 1e-4))])
    count = max(3, int(np.ceil(along[-1] / spacing)) + 1)
    y, rx, rz, cx, cz = PchipInterpolator(along, rings, axis=0)(np.linspace(0, along[-1], count)).T
    around = max(6, int(np.ceil(2 * np.pi * np.sqrt((rx**2 + rz**2) / 2).max() / spacing)))
    theta = 2 * np.pi * (np.arange(around)[None, :] + 0.5 * (np.arange(count)[:, None] % 2)) / around
    c, s = np.cos(theta), np.sin(theta)
    if power != 2.0:
        c, s = np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)
    grid = np.stack(
        [cx[:, None] + rx[:, None] * c, np.broadcast_to(y[:, None], c.shape), cz[:, None] + rz[:, None] * s],
        axis=2,
    )
    normals = _grid_normals(grid)
    if folds is not None:
        push = folds(grid.reshape(-1, 3).astype(np.float32)).reshape(count, around, 1)
        normals = _grid_normals(grid + normals * push)
        grid = grid + normals * push
    return grid.reshape(-1, 3).astype(np.float32), normals.reshape(-1, 3).astype(np.float32)


def _grid_normals(grid: np.ndarray) -> np.ndarray:
    """Outward normals of a (rings, around, 3) grid that closes around."""
    along = np.gradient(grid, axis=0)
    across = np.roll(grid, -1, axis=1) - np.roll(grid, 1, axis=1)
    normals = np.cross(along, across)
    outward = grid - grid.mean(axis=1, keepdims=True)
    flip = np.sign((normals * outward).sum(axis=(1, 2), keepdims=True))
    normals *= np.where(flip == 0, 1, flip)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12))


def waves(
    rng: np.random.Generator,
    *,
    length: float,
    stretch: tuple[float, float, float] = (1, 1, 1),
    count: int = 7,
) -> Callable[[Points], Float32[np.ndarray, " P"]]:
    """A smooth random function of place, about -1 to 1, whose bumps are `length` metres apart."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    numbers = (
        2 * np.pi / length * rng.uniform(0.6, 1.7, (count, 1)) * direction * np.asarray(stretch)
    ).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)

    def field(points: Points) -> Float32[np.ndarray, " P"]:
        return np.asarray(
            np.sin(points @ numbers.T + phases).sum(axis=1) * np.float32((2 / count) ** 0.5 * 0.7)
        )

    return field


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
