"""Drawing a posed person into a picture: points, depth, light, soft edges, shadow on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from scipy.ndimage import convolve1d, gaussian_filter

from stca.datasets.walkers.cameras import FOCAL_LENGTH, FRAME, Camera, Light, Window
from stca.datasets.walkers.surfaces import Surface

Canvas = Float32[np.ndarray, "H W 3"]  # linear light
Bones = Float32[np.ndarray, "bones 3 4"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person is: X and Z on the ground, metres, and heading (0 away from the camera, pi / 2 right)."""

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
    visible, pixel, normals, depth = _front(surface, bones, camera, window)
    if len(visible) == 0:
        return coverage
    winner = _nearest(pixel, depth, canvas.shape[0] * canvas.shape[1])
    filled = _close_holes(winner.reshape(canvas.shape[:2]))
    rows = np.flatnonzero((filled >= 0).any(axis=1))
    columns = np.flatnonzero((filled >= 0).any(axis=0))
    pad = 3 + int(np.ceil(motion))
    box = (
        slice(max(0, rows[0] - pad), rows[-1] + pad + 1),
        slice(max(0, columns[0] - pad), columns[-1] + pad + 1),
    )
    layer = _shade(filled[box], surface.albedo[visible], normals, camera, light)
    layer = _soften(layer, motion)
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
    height = np.maximum(world[:, 1:2], 0)
    sun = np.array(light.direction, np.float32)
    fallen = world - height * sun / max(float(sun[1]), 0.2)
    fallen[:, 1] = 0
    strength = 0.75 * light.sun / (light.sun + light.sky)
    _darken(canvas, fallen, strength, camera, window, spread=0.012)
    below = world[world[:, 1] < 0.14].copy()
    below[:, 1] = 0
    _darken(canvas, below, 0.5, camera, window, spread=0.02)


def _darken(
    canvas: Canvas,
    places: Float32[np.ndarray, "P 3"],
    strength: float,
    camera: Camera,
    window: Window,
    spread: float,
) -> None:
    if strength <= 0.02 or len(places) == 0:
        return
    small = (canvas.shape[0] // 4, canvas.shape[1] // 4)
    seen = _to_window(camera.project(places), window)
    columns, rows = (seen[:, 0] / 4).astype(np.int64), (seen[:, 1] / 4).astype(np.int64)
    inside = (columns >= 0) & (columns < small[1]) & (rows >= 0) & (rows < small[0])
    if not inside.any():
        return
    hits = np.bincount(rows[inside] * small[1] + columns[inside], minlength=small[0] * small[1]).reshape(
        small
    )
    mask = gaussian_filter((hits > 0).astype(np.float32), max(0.6, spread * small[0]))
    full = np.repeat(np.repeat(mask, 4, axis=0), 4, axis=1)
    full = np.pad(
        full, ((0, canvas.shape[0] - full.shape[0]), (0, canvas.shape[1] - full.shape[1])), mode="edge"
    )
    full = convolve1d(
        convolve1d(full, np.full(5, 0.2, np.float32), axis=0), np.full(5, 0.2, np.float32), axis=1
    )
    canvas *= 1 - strength * np.minimum(full * 1.3, 1)[:, :, None]


def _front(
    surface: Surface, bones: Bones, camera: Camera, window: Window
) -> tuple[
    Int64[np.ndarray, " V"], Int64[np.ndarray, " V"], Float32[np.ndarray, "V 3"], Float32[np.ndarray, " V"]
]:
    """Points that face the camera inside the window: their rows, pixels, normals and depths."""
    rotation = camera.rotation()
    seen = rotation @ bones
    seen[:, :, 3] -= rotation @ np.array([0, camera.height, 0], np.float32)
    points, normals = surface.posed(seen.astype(np.float32))
    facing = np.flatnonzero(np.einsum("pi,pi->p", points, normals) < 0)
    points = points[facing]
    scale = FOCAL_LENGTH / np.maximum(points[:, 2], 0.1)
    sx, sy = window.scale
    columns = (points[:, 0] * scale + np.float32(FRAME[1] / 2 - window.left)) * np.float32(sx)
    rows = (points[:, 1] * scale + np.float32(FRAME[0] / 2 - window.top)) * np.float32(sy)
    height, width = window.size
    inside = np.flatnonzero((columns >= 0) & (columns < width) & (rows >= 0) & (rows < height))
    pixel = rows[inside].astype(np.int64) * width + columns[inside].astype(np.int64)
    visible = facing[inside]
    return visible, pixel, normals[visible], points[inside, 2]


def _to_window(seen: Float32[np.ndarray, "P 3"], window: Window) -> Float32[np.ndarray, "P 3"]:
    sx, sy = window.scale
    moved = seen.copy()
    moved[:, 0] = (seen[:, 0] - window.left) * sx
    moved[:, 1] = (seen[:, 1] - window.top) * sy
    return moved


def _nearest(
    pixel: Int64[np.ndarray, " V"], depth: Float32[np.ndarray, " V"], pixels: int
) -> Int64[np.ndarray, " pixels"]:
    """For every pixel the row of its nearest point, or -1."""
    near, far = float(depth.min()), float(depth.max())
    # 16-bit keys make the stable sort a radix sort: several times faster than sorting floats.
    key = ((far - depth) * np.float32(65535 / max(far - near, 1e-6))).astype(np.uint16)
    order = np.argsort(key, kind="stable")
    winner = np.full(pixels, -1, np.int64)
    winner[pixel[order]] = order  # the last assignment wins, and the nearest point comes last
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
    albedo: Float32[np.ndarray, "V 3"],
    normals: Float32[np.ndarray, "V 3"],
    camera: Camera,
    light: Light,
) -> Float32[np.ndarray, "h w 4"]:
    """Light on every covered pixel, multiplied by its coverage (0 or 1), which is the fourth channel."""
    layer = np.zeros((*winner.shape, 4), np.float32)
    covered = winner >= 0
    chosen = winner[covered]
    normal = normals[chosen]
    rotation = camera.rotation()
    sun = rotation @ np.array(light.direction, np.float32)
    up = rotation @ np.array([0, 1, 0], np.float32)
    direct = np.maximum(normal @ sun, 0)
    around = 0.62 + 0.38 * (normal @ up)
    # Grazing surfaces look a little darker: a cheap stand-in for the folds' own shadows.
    edge = 0.72 + 0.28 * np.minimum(1, -1.6 * normal[:, 2])
    amount = (light.sun * direct + light.sky * around) * edge
    layer[covered, :3] = albedo[chosen] * amount[:, None] * np.array(light.tint, np.float32)
    layer[covered, 3] = 1
    return layer


def _soften(layer: Float32[np.ndarray, "h w 4"], motion: float) -> Float32[np.ndarray, "h w 4"]:
    """Anti-alias the edges, and smear sideways by `motion` pixels."""
    kernel = np.array([0.2, 0.6, 0.2], np.float32)
    layer = convolve1d(layer, kernel, axis=0, mode="constant")
    if motion > 0.5:
        taps = int(np.ceil(motion)) | 1
        kernel = np.convolve(kernel, np.full(taps, 1 / taps, np.float32))
    return np.asarray(convolve1d(layer, kernel, axis=1, mode="constant"))
