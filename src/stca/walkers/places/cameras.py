"""Fixed cameras over a flat ground: where a place is in the picture, and how the camera sees colours.

World: metres, X to the right of the camera's foot, Y up, Z away from it along the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from stca.walkers.places.nuisances import Nuisances

FRAME = (540, 960)  # height, width of the whole picture, in pixels
FOCAL_LENGTH = 1000.0  # pixels

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Light:
    """What falls on the scene. `direction` points to the sun, in world coordinates, length 1."""

    direction: tuple[float, float, float] = (0.3, 0.9, -0.32)
    sun: float = 0.55
    sky: float = 0.6
    tint: Rgb = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a camera turns light into pixels."""

    exposure: float = 1.0
    cast: Rgb = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    black: float = 0.0
    saturation: float = 1.0
    noise: float = 0.0  # standard deviation, of 255, in mid grey
    blur: float = 0.0  # pixels
    resolution: float = 1.0  # share of the picture's pixels that is real
    quality: int = 95  # of the video's compression


@dataclass(frozen=True, slots=True)
class Camera:
    """One fixed camera.

    Args:
        height: above the ground, metres.
        distance: along the ground to what it looks at, metres.
        axis: the direction people walk along, radians; 0 is away from the camera, pi / 2 to the right.
        light, sensor: see there.
        scene: seeds the picture of the place; None is plain grey.

    """

    height: float
    distance: float
    axis: float
    light: Light
    sensor: Sensor
    scene: int | None

    @property
    def pitch(self) -> float:
        """How far it looks down, radians."""
        return float(np.arctan2(self.height - 0.9, self.distance))

    def rotation(self) -> Float32[np.ndarray, "3 3"]:
        """World to camera: x right, y down, z into the picture."""
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        return np.array([[1, 0, 0], [0, -c, -s], [0, -s, c]], dtype=np.float32)

    def project(self, world: Float32[np.ndarray, "P 3"]) -> Float32[np.ndarray, "P 3"]:
        """Pixel column, pixel row and depth in metres of places in the world."""
        seen = (world - np.array([0, self.height, 0], np.float32)) @ self.rotation().T
        scale = FOCAL_LENGTH / np.maximum(seen[:, 2], 0.1)
        columns, rows = FRAME[1] / 2 + seen[:, 0] * scale, FRAME[0] / 2 + seen[:, 1] * scale
        return np.stack([columns, rows, seen[:, 2]], axis=1).astype(np.float32)

    def ground(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World X and Z on the ground behind pixels; Z is infinite at the horizon and above."""
        x, y = (columns - FRAME[1] / 2) / FOCAL_LENGTH, (rows - FRAME[0] / 2) / FOCAL_LENGTH
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        down, away = y * c + s, c - y * s
        steps = np.where(down > 1e-4, self.height / np.maximum(down, 1e-4), np.inf)
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(steps), 0.0, x * steps), away * steps


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the camera's picture, stretched to `size` (height, width) pixels."""

    left: float
    top: float
    width: float
    height: float
    size: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the window per pixel of the picture: along columns, along rows."""
        return self.size[1] / self.width, self.size[0] / self.height


WHOLE = Window(0, 0, FRAME[1], FRAME[0], FRAME)


def draw_camera(rng: np.random.Generator, index: int, count: int, nuisances: Nuisances) -> Camera:
    """Camera `index` of `count`. Walking directions are spread so that all views occur."""
    n = nuisances
    spread = np.pi * (index + rng.uniform(0.1, 0.9)) / count
    height = 1.3 + n.viewpoint * rng.uniform(0.7, 3.2)
    light = _draw_light(rng, n.colour)
    return Camera(
        height=float(min(height, 6.0)),
        distance=float(7.5 + min(n.viewpoint, 2.0) * rng.uniform(-0.5, 2.5)),
        axis=float(spread) if n.viewpoint > 0 else float(np.pi / 2),
        light=light,
        sensor=_draw_sensor(rng, n),
        scene=int(rng.integers(2**31)) if n.background > 0 else None,
    )


def _draw_light(rng: np.random.Generator, strength: float) -> Light:
    sunny = rng.random() < 0.5
    azimuth, elevation = rng.uniform(-1.2, 1.2) + np.pi * (rng.random() < 0.3), rng.uniform(0.6, 1.15)
    warm = rng.normal(0, 0.05)
    if strength == 0:
        return Light()
    direction = (
        float(np.sin(azimuth) * np.cos(elevation)),
        float(np.sin(elevation)),
        float(-np.cos(azimuth) * np.cos(elevation)),
    )
    sun, sky = (
        (rng.uniform(0.6, 0.95), rng.uniform(0.3, 0.45))
        if sunny
        else (rng.uniform(0.05, 0.25), rng.uniform(0.65, 0.85))
    )
    return Light(direction, float(sun), float(sky), (float(1 + warm), 1.0, float(1 - warm)))


def _draw_sensor(rng: np.random.Generator, n: Nuisances) -> Sensor:
    c = n.colour
    cast = np.exp(c * rng.normal(0, 0.09, 3))
    cast /= cast.mean()
    return Sensor(
        exposure=float(np.exp(c * rng.normal(0.05, 0.22))),
        cast=(float(cast[0]), float(cast[1]), float(cast[2])),
        gamma=float(np.exp(c * rng.normal(0, 0.12))),
        contrast=float(np.exp(c * rng.normal(-0.05, 0.12))),
        black=float(min(0.2, c * rng.uniform(0, 0.07))),
        saturation=float(np.exp(c * rng.normal(-0.1, 0.2))),
        noise=float(n.noise * rng.uniform(2.0, 6.0)),
        blur=float(n.blur * rng.uniform(0.3, 0.9)),
        resolution=float(1 / (1 + n.blur * rng.uniform(0.0, 0.9))),
        quality=int(np.clip(95 - n.compression * rng.uniform(15, 50), 8, 95)),
    )
