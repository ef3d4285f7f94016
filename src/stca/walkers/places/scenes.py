"""The place in front of a camera: ground, backdrop, clutter, drawn once per camera from its seed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageFilter

from stca.walkers.people.fabric import linear
from stca.walkers.people.surfaces import smoothstep
from stca.walkers.places.cameras import FOCAL_LENGTH, FRAME, Camera, Window
from stca.walkers.places.props import Prop, draw_prop

MARGIN = 120  # pixels painted beyond the picture, for boxes that reach out of it
_GROUNDS = ("paving", "bricks", "asphalt", "floor", "grass")
_WALLS = ("concrete", "bricks", "windows", "hedge", "shutters")


@lru_cache(maxsize=16)
def scene(camera: Camera) -> Image.Image:
    """The empty picture of a camera with `MARGIN` around it, sRGB."""
    image, clutter = empty_scene(camera)
    for prop, place in clutter:
        paste_prop(image, prop, camera, place, offset=(MARGIN, MARGIN))
    return image.filter(ImageFilter.GaussianBlur(0.8)) if camera.scene is not None else image


def wall_at(camera: Camera) -> float:
    """How far away the wall across the far end of `scene` is, metres."""
    if camera.scene is None:
        return camera.distance + 9.0
    return camera.distance + float(np.random.default_rng(camera.scene).uniform(4.0, 14.0))


def empty_scene(camera: Camera) -> tuple[Image.Image, list[tuple[Prop, tuple[float, float]]]]:
    """The picture of `scene` without the things that stand about, and those, farthest first."""
    height, width = FRAME[0] + 2 * MARGIN, FRAME[1] + 2 * MARGIN
    if camera.scene is None:
        return Image.new("RGB", (width, height), (128, 128, 128)), []
    rng = np.random.default_rng(camera.scene)
    rows = np.arange(height, dtype=np.float32)[:, None] - MARGIN
    columns = np.arange(width, dtype=np.float32)[None, :] - MARGIN
    x, z = camera.ground(rows, columns)
    wall = camera.distance + float(rng.uniform(4.0, 14.0))
    picture = _ground(rng, x, np.minimum(z, wall))
    picture = _backdrop(rng, picture, camera, rows=rows, columns=columns, z=z, wall=wall)
    picture *= (camera.light.sun * max(camera.light.direction[1], 0.2) + camera.light.sky) * np.array(
        camera.light.tint, np.float32
    )
    image = Image.fromarray((np.sqrt(np.clip(picture, 0, 1)) * 255).astype(np.uint8))
    return image, _clutter(rng, camera, wall)


def cut(image: Image.Image, window: Window) -> Float32[np.ndarray, "H W 3"]:
    """What a window shows of a scene, linear light. Beyond the scene its edge goes on."""
    left, top = window.left + MARGIN, window.top + MARGIN
    right, bottom = left + window.width, top + window.height
    if left < 0 or top < 0 or right > image.width or bottom > image.height:
        columns, rows = np.arange(int(left) - 2, int(right) + 3), np.arange(int(top) - 2, int(bottom) + 3)
        pixels = np.asarray(image)
        near = pixels[rows.clip(0, image.height - 1)][:, columns.clip(0, image.width - 1)]
        image = Image.fromarray(near)
        left, right = left - columns[0], right - columns[0]
        top, bottom = top - rows[0], bottom - rows[0]
    box = (left, top, right, bottom)
    part = image.resize((window.size[1], window.size[0]), Image.Resampling.BILINEAR, box=box)
    values = np.asarray(part, dtype=np.float32) * np.float32(1 / 255)
    return np.asarray(values * values)


def paste_prop(
    image: Image.Image, prop: Prop, camera: Camera, place: tuple[float, float], *, offset: tuple[int, int]
) -> None:
    """Stand a prop at (X, Z) on the ground of a whole picture."""
    corners = camera.project(
        np.array([[place[0], 0, place[1]], [place[0], prop.height, place[1]]], np.float32)
    )
    tall = float(corners[0, 1] - corners[1, 1])
    wide = FOCAL_LENGTH / float(corners[0, 2]) * prop.width
    size = (max(2, round(wide)), max(2, round(tall)))
    small = prop.image.resize(size, Image.Resampling.BILINEAR)
    left = round(float(corners[0, 0]) - wide / 2 + offset[0])
    image.paste(small, (left, round(float(corners[1, 1])) + offset[1]), small)


def noise(rng: np.random.Generator, u: np.ndarray, v: np.ndarray, octaves: int = 3) -> np.ndarray:
    """Smooth noise over a plane, about -1 to 1, with bumps of size 1 and finer ones; repeats after 16."""
    side = 512
    tile = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        cells = 16 * 2**octave
        lattice = np.pad(rng.uniform(-1, 1, (cells, cells)).astype(np.float32), 2, mode="wrap")
        box = (1.5, 1.5, cells + 1.5, cells + 1.5)
        fine = Image.fromarray(lattice).resize((side, side), Image.Resampling.BICUBIC, box=box)
        tile += np.asarray(fine) / 2**octave
    # One look-up per pixel; finer would not show.
    i = (u * np.float32(side / 16)).astype(np.int32) & (side - 1)
    j = (v * np.float32(side / 16)).astype(np.int32) & (side - 1)
    return np.asarray(tile[i, j])


def _ground(rng: np.random.Generator, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Two kinds of ground on either side of a kerb, and shadows of trees."""
    first, second = rng.choice(_GROUNDS, 2, replace=False)
    picture = _floor(rng, str(first), x, z)
    angle = rng.uniform(-0.6, 0.6)
    beyond = z * np.cos(angle) + x * np.sin(angle) - rng.uniform(9, 14)
    other = beyond > 0
    picture[other] = _floor(rng, str(second), x, z)[other]
    picture[np.abs(beyond) < 0.09] = linear((150, 148, 142))
    if rng.random() < 0.5:
        shade = smoothstep(0.05, 0.35, noise(rng, x / 2.2, z / 2.2))
        picture *= (1 - 0.45 * shade)[:, :, None]
    return np.asarray(picture)


def _floor(rng: np.random.Generator, kind: str, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    grain = 0.10 * noise(rng, x * 3, z * 3) + 0.06 * noise(rng, x * 23, z * 23, 2)
    angle = rng.uniform(-0.8, 0.8)
    u, v = x * np.cos(angle) - z * np.sin(angle), x * np.sin(angle) + z * np.cos(angle)
    tone = np.ones_like(grain)
    if kind == "asphalt":
        colour = linear((104, 104, 106))
        tone = np.where(np.abs(np.abs(u - 1.0) - 2.2) < 0.06, 2.4, tone)
    elif kind == "grass":
        colour = linear((92, 112, 58))
        grain = 1.8 * grain + 0.12 * noise(rng, x * 9, z * 9)
    else:
        size = {"paving": rng.uniform(0.4, 0.9), "bricks": 0.22, "floor": rng.uniform(0.6, 1.0)}[kind]
        palettes = {
            "paving": ((170, 166, 158), (150, 150, 152)),
            "bricks": ((152, 104, 88), (140, 126, 112)),
            "floor": ((196, 190, 178), (176, 178, 180)),
        }
        colour = linear(palettes[kind][rng.integers(2)])
        row = np.floor(v / size)
        shifted = u / size / (2 if kind == "bricks" else 1) + 0.5 * (row % 2) * (kind == "bricks")
        gap = 0.03 if kind == "floor" else 0.06
        joint = (np.abs((shifted % 1) - 0.5) > 0.5 - gap / 2) | (np.abs((v / size % 1) - 0.5) > 0.5 - gap / 2)
        each = np.sin(np.floor(shifted) * 12.9898 + row * 78.233) * 43758.5453
        tone = (1 + 0.22 * (each - np.floor(each) - 0.5)) * np.where(joint, 0.62, 1.0)
        # Far away a joint is thinner than a pixel: fade the pattern to its mean.
        tone = 1 + (tone - 1) * np.clip(1.6 - z / 18, 0.1, 1)
    return np.asarray((colour * (tone * (1 + grain))[:, :, None]).astype(np.float32))


def _backdrop(
    rng: np.random.Generator,
    picture: np.ndarray,
    camera: Camera,
    *,
    rows: np.ndarray,
    columns: np.ndarray,
    z: np.ndarray,
    wall: float,
) -> np.ndarray:
    """A wall across the far end, seen where the ground lies behind it."""
    pitch_cos, pitch_sin = np.cos(camera.pitch), np.sin(camera.pitch)
    down = (rows - FRAME[0] / 2) / FOCAL_LENGTH
    away = pitch_cos - down * pitch_sin
    u = (columns - FRAME[1] / 2) / FOCAL_LENGTH / away * wall
    v = camera.height - (down * pitch_cos + pitch_sin) / away * wall + 0 * u
    behind = np.broadcast_to(z >= wall, u.shape)
    painted = _wall(rng, str(rng.choice(_WALLS)), u, v)
    foot = np.clip(v / 0.6, 0, 1)
    picture[behind] = (painted * (0.55 + 0.45 * foot)[:, :, None])[behind]
    return picture


def _wall(rng: np.random.Generator, kind: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    grain = 0.12 * noise(rng, u * 0.8, v * 0.8) + 0.05 * noise(rng, u * 14, v * 14, 2)
    tone = np.ones_like(grain)
    palettes = {
        "concrete": ((158, 156, 150), (120, 122, 126)),
        "bricks": ((140, 86, 70), (168, 142, 116)),
        "windows": ((188, 182, 168), (130, 120, 112)),
        "hedge": ((66, 86, 46), (52, 74, 44)),
        "shutters": ((128, 138, 146), (92, 104, 120)),
    }
    colour = np.broadcast_to(linear(palettes[kind][rng.integers(2)]), (*grain.shape, 3)).copy()
    if kind == "concrete":
        tone = np.where(((u / 1.8) % 1 < 0.015) | ((v / 1.1) % 1 < 0.025), 0.6, 1.0)
    elif kind == "bricks":
        row = np.floor(v / 0.12)
        joint = ((u / 0.26 + 0.5 * (row % 2)) % 1 < 0.06) | ((v / 0.12) % 1 < 0.12)
        tone = np.where(joint, 1.35, 1.0)
    elif kind == "hedge":
        grain = 0.5 * noise(rng, u * 5, v * 5, 4)
    elif kind == "shutters":
        tone = 0.85 + 0.3 * ((v / 0.14) % 1)
    if kind in ("windows", "concrete", "shutters"):
        wide, tall = rng.uniform(1.6, 3.2), rng.uniform(1.2, 2.0)
        pane = ((u / wide) % 1 > 0.3) & (((v - 0.5) / (tall + 0.8)) % 1 > 0.35) & (v > 0.5)
        glass = linear((70, 84, 98)) * (1 + 0.5 * noise(rng, u / 2, v / 2))[:, :, None]
        if kind != "shutters":
            colour[pane] = glass[pane]
            tone[pane] = 1.0
    if rng.random() < 0.6:  # a band of paint along the foot
        colour[v < rng.uniform(0.3, 1.2)] *= np.float32(rng.uniform(0.4, 0.8))
    return np.asarray((colour * (tone * (1 + grain))[:, :, None]).astype(np.float32))


def _clutter(rng: np.random.Generator, camera: Camera, wall: float) -> list[tuple[Prop, tuple[float, float]]]:
    """Things that stand about behind the walkers, farthest first."""
    places = []
    for _ in range(int(rng.integers(4, 9))):
        z = (
            float(rng.uniform(camera.distance + 2.2, wall - 0.2))
            if wall > camera.distance + 2.5
            else wall - 0.2
        )
        half = 0.5 * FRAME[1] / FOCAL_LENGTH * z
        kind = str(rng.choice(["pole", "bench", "car", "bicycle", "bin", "bush", "tree", "sign"]))
        places.append((draw_prop(rng, kind), (float(rng.uniform(-half, half)), z)))
    return sorted(places, key=lambda entry: -entry[1][1])
