"""Bodies and clothes as clouds of surface points: lofted tubes, hung on the bones of a skeleton."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from scipy.interpolate import PchipInterpolator

from stca.walkers.people.gait import BONE_INDEX

Points = Float32[np.ndarray, "P 3"]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One piece of surface of the standing body.

    Args:
        points: (P, 3) metres.
        normals: (P, 3), of length 1, outward.
        albedo: (P, 3) share of red, green and blue light thrown back, linear.
        bones: the bones it hangs on, at most three.
        shares: (P, number of bones) share of each, 0 to 1, together 1.

    """

    points: Points
    normals: Points
    albedo: Points
    bones: tuple[str, ...]
    shares: Float32[np.ndarray, "P hung"]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Columns of a surface that hang on the same bones; `shares` is None where there is only one bone."""

    columns: slice
    bones: tuple[int, ...]
    shares: Float32[np.ndarray, "hung P"] | None


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A whole person. Coordinates lie in rows: a bone then moves all its points by one fast product.

    Args:
        points: (4, P), metres, homogeneous.
        normals: (3, P).
        albedo: (P, 3), linear.
        pieces: which columns follow which bones.

    """

    points: Float32[np.ndarray, "4 P"]
    normals: Float32[np.ndarray, "3 P"]
    albedo: Points
    pieces: tuple[Piece, ...]

    def posed(
        self, bones: Float32[np.ndarray, "bones 3 4"]
    ) -> tuple[Float32[np.ndarray, "3 P"], Float32[np.ndarray, "3 P"]]:
        """Points and normals after the bones have moved, in the coordinates the bones lead to."""
        points, normals = np.empty_like(self.normals), np.empty_like(self.normals)
        for piece in self.pieces:
            rest, facing = self.points[:, piece.columns], self.normals[:, piece.columns]
            if piece.shares is None:
                bone = bones[piece.bones[0]]
                np.matmul(bone, rest, out=points[:, piece.columns])
                np.matmul(bone[:, :3], facing, out=normals[:, piece.columns])
            else:
                hung = list(zip(bones[list(piece.bones)], piece.shares, strict=True))
                points[:, piece.columns] = sum(share * (bone @ rest) for bone, share in hung)
                normals[:, piece.columns] = sum(share * (bone[:, :3] @ facing) for bone, share in hung)
        return points, normals

    def thinned(self, step: int) -> Surface:
        """Every `step`-th point only: enough for a shadow."""
        kept = [np.arange(p.columns.start, p.columns.stop, step) for p in self.pieces]
        pieces = tuple(
            Piece(columns, p.bones, None if p.shares is None else p.shares[:, ::step].copy())
            for p, columns in zip(self.pieces, _slices(map(len, kept)), strict=True)
        )
        rows = np.concatenate(kept)
        return Surface(self.points[:, rows], self.normals[:, rows], self.albedo[rows], pieces)


def sew(patches: Sequence[Patch]) -> Surface:
    """Put patches together into one surface."""
    parts = [part for patch in patches for part in _split(patch)]
    columns = _slices(len(p.points) for p in parts)
    pieces = tuple(
        Piece(
            where,
            tuple(BONE_INDEX[name] for name in p.bones),
            np.ascontiguousarray(p.shares.T) if len(p.bones) > 1 else None,
        )
        for p, where in zip(parts, columns, strict=True)
    )
    points = np.concatenate([p.points for p in parts])
    homogeneous = np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1)
    return Surface(
        points=np.ascontiguousarray(homogeneous.T),
        normals=np.ascontiguousarray(np.concatenate([p.normals for p in parts]).T),
        albedo=np.concatenate([p.albedo for p in parts]),
        pieces=pieces,
    )


def _split(patch: Patch) -> list[Patch]:
    """Away from a joint a point follows one bone only: those come apart, for speed."""
    alone = patch.shares.max(axis=1) > 0.995
    groups = [(~alone, patch.bones)]
    groups += [(alone & (patch.shares[:, k] > 0.5), (bone,)) for k, bone in enumerate(patch.bones)]
    parts = []
    for chosen, bones in groups:
        if chosen.any():
            shares = patch.shares[chosen]
            parts.append(
                Patch(patch.points[chosen], patch.normals[chosen], patch.albedo[chosen], bones, shares)
            )
    return parts


def _slices(lengths: Iterable[int]) -> list[slice]:
    ends = np.cumsum([0, *lengths])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


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
    widest = int(np.argmax(rx + rz))
    theta, perimeter = _even_angles(power, float(rx[widest]), float(rz[widest]))
    around = max(6, int(np.ceil(perimeter / spacing)))
    turn = (np.arange(around)[None, :] + 0.5 * (np.arange(count)[:, None] % 2)) / around
    c, s = _superellipse(power, np.interp(turn % 1, np.linspace(0, 1, len(theta)), theta))
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


def _superellipse(power: float, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    c, s = np.cos(theta), np.sin(theta)
    if power == 2.0:
        return c, s
    return np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)


def _even_angles(power: float, rx: float, rz: float) -> tuple[np.ndarray, float]:
    """Angles that lie evenly along a ring's circumference, and the circumference."""
    theta = np.linspace(0, 2 * np.pi, 721)
    c, s = _superellipse(power, theta)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(rx * np.diff(c), rz * np.diff(s)))])
    return np.interp(np.linspace(0, along[-1], 721), along, theta), float(along[-1])


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
