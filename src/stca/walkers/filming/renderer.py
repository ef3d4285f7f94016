"""Drawing a posed person into a picture: points, depth, light, soft edges, shadow on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from PIL import Image
from scipy.ndimage import convolve1d, gaussian_filter

from stca.walkers.people.surfaces import Surface
from stca.walkers.places.cameras import FOCAL_LENGTH, FRAME, Camera, Light, Window

Canvas = Float32[np.ndarray, "H W 3"]  # linear light
Bones = Float32[np.ndarray, "bones 3 4"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person is: X and Z on the ground, metres, and heading (0 is away, pi / 2 right)."""

    x: float
    z: float
    heading: float

    def matrix(self) -> Float32[np.ndarray, "3 4"]:
        """Person's coordinates (x to their left, z forward) to the world's."""
        c, s = np.cos(self.heading), np.sin(self.heading)
        # Forward is (s, 0, c); the world is left-handed, so the person's left is (-c, 0, s).
        return np.array([[-c, 0, s, self.x], [0, 1, 0, 0], [s, 0, c, self.z]], dtype=np.float32)


def place_bones(bones: Bones, standing: Standing) -> Bones:
    """Bones in the person's coordinates to bones in the world's."""
    there = standing.matrix()
    placed = there[:, :3] @ bones
    placed[:, :, 3] += there[:, 3]
    return np.asarray(placed)


def paint_person(
    canvas: Canvas,
    surface: Surface,
    bones: Bones,
    *,
    camera: Camera,
    window: Window,
    light: Light,
    motion: float = 0.0,
) -> Float32[np.ndarray, "H W"]:
    """Draw one person over a canvas, in place.

    Args:
        canvas: (H, W, 3) linear light; H, W = `window.size`.
        surface: the person, fine enough for the window's scale.
        bones: where the bones are in the world (`place_bones`).
        camera: who looks.
        window: which part of the camera's picture the canvas shows.
        light: what shines on the person.
        motion: length of a sideways smear, in pixels of the canvas.

    Returns:
        how much of every pixel the person covers, 0 to 1.

    """
    coverage = np.zeros(canvas.shape[:2], np.float32)
    seen = _front(surface, bones, camera, window)
    if len(seen.rows) == 0:
        return coverage
    winner = _close_holes(_nearest(seen, canvas.shape[0] * canvas.shape[1]).reshape(canvas.shape[:2]))
    rows, columns = (np.flatnonzero((winner >= 0).any(axis=axis)) for axis in (1, 0))
    pad = 3 + int(np.ceil(motion))
    box = (
        slice(max(0, rows[0] - pad), rows[-1] + pad + 1),
        slice(max(0, columns[0] - pad), columns[-1] + pad + 1),
    )
    layer = _soften(_shade(winner[box], surface.albedo, seen.normals, camera, light), motion)
    canvas[box] = canvas[box] * (1 - layer[:, :, 3:]) + layer[:, :, :3]
    coverage[box] = layer[:, :, 3]
    return coverage


def paint_shadow(
    canvas: Canvas,
    surface: Surface,
    bones: Bones,
    *,
    camera: Camera,
    window: Window,
    light: Light,
) -> None:
    """Darken the ground where a (thinned) person stands between it and the sun, and below the feet."""
    world = surface.posed(bones)[0]
    sun = np.array(light.direction, np.float32)
    fallen = world - np.maximum(world[1], 0) * (sun / max(float(sun[1]), 0.2))[:, None]
    below = world[:, world[1] < 0.14]
    strength = 0.75 * light.sun / (light.sun + light.sky)
    bright = 1 - strength * _shadow(fallen, canvas.shape, camera, window, spread=0.012)
    bright *= 1 - 0.5 * _shadow(below, canvas.shape, camera, window, spread=0.02)
    smooth = Image.fromarray(bright).resize((canvas.shape[1], canvas.shape[0]), Image.Resampling.BILINEAR)
    canvas *= np.asarray(smooth)[:, :, None]


def _shadow(
    places: Float32[np.ndarray, "3 P"],
    shape: tuple[int, ...],
    camera: Camera,
    window: Window,
    *,
    spread: float,
) -> Float32[np.ndarray, "small_h small_w"]:
    """How deep the shadow of points on the ground is, 0 to 1, at a quarter of the canvas's size."""
    height, width = shape[0] // 4, shape[1] // 4
    ground = np.stack([places[0], np.zeros_like(places[0]), places[2]], axis=1)
    seen = camera.project(ground)
    columns = np.floor((seen[:, 0] - window.left) * (width / window.width)).astype(np.int64)
    rows = np.floor((seen[:, 1] - window.top) * (height / window.height)).astype(np.int64)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    mask = np.zeros((height, width), np.float32)
    mask[rows[inside], columns[inside]] = 1
    return np.asarray(np.minimum(1, 1.3 * gaussian_filter(mask, max(0.6, spread * height))))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What faces the camera inside the window: rows of the surface, their pixels and depths.

    `normals` (3, P) are those of the whole surface, in the camera's coordinates.
    """

    rows: Int64[np.ndarray, " V"]
    pixels: Int64[np.ndarray, " V"]
    depth: Float32[np.ndarray, " V"]
    normals: Float32[np.ndarray, "3 P"]


def _front(surface: Surface, bones: Bones, camera: Camera, window: Window) -> _Seen:
    rotation = camera.rotation()
    moved = rotation @ bones
    moved[:, :, 3] -= rotation @ np.array([0, camera.height, 0], np.float32)
    points, normals = surface.posed(moved.astype(np.float32))
    facing = np.flatnonzero(np.einsum("ip,ip->p", points, normals) < 0)
    x, y, depth = (row[facing] for row in points)
    (sx, sy), (height, width) = window.scale, window.size
    nearness = np.float32(FOCAL_LENGTH) / np.maximum(depth, np.float32(0.1))
    columns = (x * nearness + np.float32(FRAME[1] / 2 - window.left)) * np.float32(sx)
    rows = (y * nearness + np.float32(FRAME[0] / 2 - window.top)) * np.float32(sy)
    inside = np.flatnonzero((columns >= 0) & (columns < width) & (rows >= 0) & (rows < height))
    pixels = rows[inside].astype(np.int64) * width + columns[inside].astype(np.int64)
    return _Seen(facing[inside], pixels, depth[inside], normals)


def _nearest(seen: _Seen, pixels: int) -> Int64[np.ndarray, " pixels"]:
    """For every pixel the surface's row of its nearest point, or -1."""
    near, far = float(seen.depth.min()), float(seen.depth.max())
    # 16-bit keys make the stable sort a radix sort: several times faster than sorting floats.
    key = ((far - seen.depth) * np.float32(65535 / max(far - near, 1e-6))).astype(np.uint16)
    order = np.argsort(key, kind="stable")
    winner = np.full(pixels, -1, np.int64)
    winner[seen.pixels[order]] = seen.rows[order]  # the last assignment wins: the nearest point
    return winner


def _close_holes(winner: Int64[np.ndarray, "H W"]) -> Int64[np.ndarray, "H W"]:
    """Fill single empty pixels between two covered ones, sideways and then up and down."""
    for axis in (1, 0):
        turned = winner if axis else winner.T
        before, here, after = turned[:, :-2], turned[:, 1:-1], turned[:, 2:]
        hole = (here < 0) & (before >= 0) & (after >= 0)
        here[hole] = before[hole]
    return winner


def _shade(
    winner: Int64[np.ndarray, "h w"],
    albedo: Float32[np.ndarray, "P 3"],
    normals: Float32[np.ndarray, "3 P"],
    camera: Camera,
    light: Light,
) -> Float32[np.ndarray, "h w 4"]:
    """Light on every covered pixel, multiplied by its coverage (0 or 1), which is the fourth channel."""
    layer = np.zeros((*winner.shape, 4), np.float32)
    covered = np.flatnonzero(winner >= 0)
    chosen = winner.reshape(-1)[covered]
    normal = normals[:, chosen]
    rotation = camera.rotation()
    direct = np.maximum((rotation @ np.array(light.direction, np.float32)) @ normal, 0)
    around = 0.62 + 0.38 * ((rotation @ np.array([0, 1, 0], np.float32)) @ normal)
    # Grazing surfaces look a little darker: a cheap stand-in for the folds' own shadows.
    edge = 0.72 + 0.28 * np.minimum(1, -1.6 * normal[2])
    amount = (np.float32(light.sun) * direct + np.float32(light.sky) * around) * edge
    lit = np.ones((len(chosen), 4), np.float32)
    lit[:, :3] = albedo[chosen] * amount[:, None] * np.array(light.tint, np.float32)
    layer.reshape(-1, 4)[covered] = lit
    return layer


def _soften(layer: Float32[np.ndarray, "h w 4"], motion: float) -> Float32[np.ndarray, "h w 4"]:
    """Anti-alias the edges, and smear sideways by `motion` pixels."""
    kernel = np.array([0.2, 0.6, 0.2], np.float32)
    layer = convolve1d(layer, kernel, axis=0, mode="constant")
    if motion > 0.5:
        taps = int(np.ceil(motion)) | 1
        kernel = np.convolve(kernel, np.full(taps, 1 / taps, np.float32))
    return np.asarray(convolve1d(layer, kernel, axis=1, mode="constant"))
