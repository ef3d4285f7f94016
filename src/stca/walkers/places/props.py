"""Street furniture as flat pictures that stand on the ground and face the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stca.walkers.filming.renderer import Canvas
from stca.walkers.people.looks import Colour
from stca.walkers.places.cameras import FOCAL_LENGTH, Camera, Light, Window

_PER_METRE = 90  # pixels of a prop's picture; drawn at twice that and halved


@dataclass(frozen=True, slots=True, eq=False)
class Prop:
    """A picture (RGBA) of something `width` x `height` metres that stands on the ground."""

    image: Image.Image
    width: float
    height: float


def draw_prop(rng: np.random.Generator, kind: str) -> Prop:
    """A random pole, sign, bench, car, bicycle, bin, bush, tree, wall or van."""
    return _DRAWERS[kind](rng)


def paint_prop(
    canvas: Canvas, prop: Prop, *, camera: Camera, window: Window, place: tuple[float, float], light: Light
) -> None:
    """Stand a prop at (X, Z) on the ground of a canvas, in place."""
    foot = camera.project(np.array([[place[0], 0, place[1]], [place[0], prop.height, place[1]]], np.float32))
    tall, wide = float(foot[0, 1] - foot[1, 1]), FOCAL_LENGTH / float(foot[0, 2]) * prop.width
    left, top = float(foot[0, 0]) - wide / 2, float(foot[1, 1])
    # The part of the prop that the window shows, in shares of the prop.
    u0, u1 = ((window.left - left) / wide, (window.left + window.width - left) / wide)
    v0, v1 = ((window.top - top) / tall, (window.top + window.height - top) / tall)
    if u1 <= 0 or u0 >= 1 or v1 <= 0 or v0 >= 1:
        return
    height, width = canvas.shape[:2]
    matrix = ((u1 - u0) * prop.image.width / width, 0, u0 * prop.image.width)
    matrix_y = (0, (v1 - v0) * prop.image.height / height, v0 * prop.image.height)
    seen = prop.image.transform(
        (width, height), Image.Transform.AFFINE, (*matrix, *matrix_y), Image.Resampling.BILINEAR
    )
    pixels = np.asarray(seen, dtype=np.float32) * np.float32(1 / 255)
    alpha = pixels[:, :, 3:]
    lit = pixels[:, :, :3] ** 2 * np.float32(light.sun * 0.6 + light.sky) * np.array(light.tint, np.float32)
    canvas *= 1 - alpha
    canvas += lit * alpha


class _Pad:
    """A transparent sheet in metres; (0, 0) is the middle of the foot."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.k = 2 * _PER_METRE
        self.image = Image.new("RGBA", (max(4, int(width * self.k)), max(4, int(height * self.k))))
        self.draw = ImageDraw.Draw(self.image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (x + self.width / 2) * self.k, (self.height - y) * self.k

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour, round_: float = 0.0) -> None:
        (left, bottom), (right, top) = self.at(x0, y0), self.at(x1, y1)
        self.draw.rounded_rectangle((left, top, right, bottom), round_ * self.k, _rgba(colour))

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self.draw.polygon([self.at(x, y) for x, y in points], _rgba(colour))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        (left, bottom), (right, top) = self.at(x - radius, y - radius), self.at(x + radius, y + radius)
        self.draw.ellipse((left, top, right, bottom), _rgba(colour))

    def ring(self, x: float, y: float, radius: float, thick: float, colour: Colour) -> None:
        (left, bottom), (right, top) = self.at(x - radius, y - radius), self.at(x + radius, y + radius)
        self.draw.ellipse(
            (left, top, right, bottom), outline=_rgba(colour), width=max(1, int(thick * self.k))
        )

    def line(self, points: list[tuple[float, float]], thick: float, colour: Colour) -> None:
        self.draw.line(
            [self.at(x, y) for x, y in points], _rgba(colour), max(1, int(thick * self.k)), joint="curve"
        )

    def done(self, rng: np.random.Generator, *, rough: float = 0.06, shade: float = 0.35) -> Prop:
        """Shade from above, roughen, halve."""
        small = self.image.resize(
            (max(2, self.image.width // 2), max(2, self.image.height // 2)), Image.Resampling.BOX
        )
        pixels = np.asarray(small, dtype=np.float32).copy()
        height, width = pixels.shape[:2]
        coarse = rng.normal(0, 1, (height // 6 + 2, width // 6 + 2)).astype(np.float32)
        grain = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        light = (1 - shade * np.linspace(0, 1, height) ** 1.5)[:, None] * (1 + rough * grain)
        pixels[:, :, :3] = np.clip(pixels[:, :, :3] * light[:, :, None], 0, 255)
        return Prop(Image.fromarray(pixels.astype(np.uint8)), self.width, self.height)


def _rgba(colour: Colour) -> tuple[int, int, int, int]:
    return round(colour[0]), round(colour[1]), round(colour[2]), 255


def _paint(rng: np.random.Generator) -> Colour:
    choices: tuple[Colour, ...] = (
        (40, 44, 50), (150, 152, 156), (200, 200, 198), (140, 36, 34),
        (40, 66, 110), (60, 84, 66), (190, 160, 60), (96, 80, 66),
    )  # fmt: skip
    r, g, b = np.clip(np.array(choices[rng.integers(len(choices))]) + rng.normal(0, 8, 3), 10, 240)
    return float(r), float(g), float(b)


def _pole(rng: np.random.Generator) -> Prop:
    wide = float(rng.uniform(0.1, 0.32))
    pad = _Pad(wide, 4.5)
    colour = _paint(rng)
    dark, pale = tuple(0.6 * v for v in colour), tuple(min(255.0, 1.25 * v) for v in colour)
    pad.box(-wide / 2, 0, wide / 2, 4.5, colour)
    pad.box(wide * 0.2, 0, wide / 2, 4.5, (dark[0], dark[1], dark[2]))
    pad.box(-wide * 0.3, 0, -wide * 0.12, 4.5, (pale[0], pale[1], pale[2]))
    if rng.random() < 0.4:
        pad.box(-wide / 2, 0.9, wide / 2, 1.1, (220, 200, 60))
    return pad.done(rng, shade=0.1)


def _sign(rng: np.random.Generator) -> Prop:
    wide, tall = float(rng.uniform(0.5, 1.1)), float(rng.uniform(1.2, 1.9))
    pad = _Pad(wide, tall)
    pad.box(-wide / 2 + 0.05, 0, -wide / 2 + 0.1, tall, (70, 70, 72))
    pad.box(wide / 2 - 0.1, 0, wide / 2 - 0.05, tall, (70, 70, 72))
    pad.box(-wide / 2, tall * 0.35, wide / 2, tall, _paint(rng), 0.03)
    pad.box(-wide / 2 + 0.06, tall * 0.42, wide / 2 - 0.06, tall - 0.06, (226, 224, 214))
    for index in range(4):
        y = tall * (0.85 - 0.1 * index)
        pad.box(
            -wide / 2 + 0.12,
            y,
            -wide / 2 + 0.12 + (wide - 0.3) * float(rng.uniform(0.5, 1)),
            y + 0.03,
            (60, 60, 70),
        )
    return pad.done(rng, shade=0.15)


def _bench(rng: np.random.Generator) -> Prop:
    wide = float(rng.uniform(1.4, 2.2))
    pad = _Pad(wide, 0.85)
    wood: Colour = (118, 84, 56) if rng.random() < 0.7 else _paint(rng)
    for y in (0.40, 0.58, 0.74):
        pad.box(-wide / 2, y, wide / 2, y + 0.10, wood, 0.02)
    for x in (-wide / 2 + 0.15, wide / 2 - 0.25):
        pad.box(x, 0, x + 0.08, 0.8, (50, 50, 52))
    pad.box(-wide / 2, 0.36, wide / 2, 0.42, (70, 50, 36))
    return pad.done(rng)


def _car(rng: np.random.Generator) -> Prop:
    pad = _Pad(4.2, 1.5)
    colour = _paint(rng)
    pad.box(-2.08, 0.28, 2.08, 0.92, colour, 0.2)
    pad.polygon([(-1.6, 0.85), (-1.0, 1.45), (0.75, 1.46), (1.45, 0.85)], colour)
    pad.polygon([(-1.35, 0.9), (-0.92, 1.36), (-0.15, 1.37), (-0.15, 0.9)], (52, 62, 72))
    pad.polygon([(-0.05, 0.9), (-0.05, 1.37), (0.68, 1.37), (1.2, 0.9)], (52, 62, 72))
    pad.box(-2.08, 0.28, 2.08, 0.38, (40, 40, 42))
    pad.line([(-0.1, 0.4), (-0.1, 0.9)], 0.02, (30, 30, 32))
    for x in (-1.3, 1.3):
        pad.disc(x, 0.32, 0.33, (24, 24, 26))
        pad.disc(x, 0.32, 0.19, (150, 150, 152))
    pad.box(1.9, 0.62, 2.08, 0.76, (236, 232, 200), 0.03)
    pad.box(-2.08, 0.62, -1.94, 0.78, (170, 30, 30), 0.03)
    return pad.done(rng, shade=0.25)


def _bicycle(rng: np.random.Generator) -> Prop:
    pad = _Pad(1.8, 1.1)
    colour = _paint(rng)
    for x in (-0.52, 0.52):
        pad.ring(x, 0.34, 0.34, 0.035, (34, 34, 36))
    pad.line([(-0.52, 0.34), (-0.18, 0.8), (0.36, 0.8), (0.0, 0.32), (-0.52, 0.34)], 0.045, colour)
    pad.line([(0.0, 0.32), (-0.2, 0.88)], 0.04, colour)
    pad.line([(0.52, 0.34), (0.34, 0.98), (0.5, 1.02)], 0.04, (60, 60, 62))
    pad.box(-0.34, 0.86, -0.08, 0.93, (30, 30, 30), 0.03)
    return pad.done(rng, shade=0.1)


def _bin(rng: np.random.Generator) -> Prop:
    pad = _Pad(0.62, 1.05)
    colour = _paint(rng)
    pad.polygon([(-0.24, 0), (0.24, 0), (0.3, 0.9), (-0.3, 0.9)], colour)
    pad.box(-0.31, 0.86, 0.31, 1.03, (50, 52, 54), 0.05)
    pad.box(-0.2, 0.6, 0.2, 0.72, (30, 30, 32))
    return pad.done(rng)


def _bush(rng: np.random.Generator) -> Prop:
    wide, tall = float(rng.uniform(1.0, 2.4)), float(rng.uniform(0.7, 1.2))
    pad = _Pad(wide, tall)
    _leaves(rng, pad, y=tall * 0.42, wide=wide * 0.42, tall=tall * 0.46, count=240)
    return pad.done(rng, rough=0.2)


def _tree(rng: np.random.Generator) -> Prop:
    pad = _Pad(2.8, 5.0)
    pad.polygon([(-0.17, 0), (0.17, 0), (0.11, 3.4), (-0.11, 3.4)], (78, 62, 48))
    pad.polygon([(0.04, 0), (0.17, 0), (0.11, 3.4), (0.04, 3.4)], (52, 42, 34))
    _leaves(rng, pad, y=4.0, wide=1.2, tall=0.9, count=420)
    return pad.done(rng, rough=0.2, shade=0.2)


def _leaves(rng: np.random.Generator, pad: _Pad, *, y: float, wide: float, tall: float, count: int) -> None:
    for index in range(count):
        angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        # Painted from the outside and the bottom to the lit top.
        tone = 0.45 + 0.75 * index / count + rng.normal(0, 0.12)
        size = float(rng.uniform(0.04, 0.11))
        place = (
            wide * radius * float(np.cos(angle)),
            y + tall * radius * float(np.sin(angle)) + 0.04 * index / count,
        )
        pad.disc(
            *place,
            size,
            (
                float(np.clip(64 * tone, 0, 255)),
                float(np.clip(88 * tone, 0, 255)),
                float(np.clip(42 * tone, 0, 255)),
            ),
        )


def _wall(rng: np.random.Generator) -> Prop:
    wide, tall = float(rng.uniform(1.2, 3.0)), float(rng.uniform(0.45, 0.85))
    pad = _Pad(wide, tall)
    colour = _paint(rng)
    pad.box(-wide / 2, 0, wide / 2, tall, colour)
    pad.box(-wide / 2, tall - 0.08, wide / 2, tall, (176, 174, 168))
    for row in range(int(tall / 0.2)):
        pad.line([(-wide / 2, 0.2 * row), (wide / 2, 0.2 * row)], 0.012, (60, 58, 56))
    return pad.done(rng, rough=0.1)


def _van(rng: np.random.Generator) -> Prop:
    pad = _Pad(4.8, 2.1)
    colour = _paint(rng)
    pad.box(-2.35, 0.35, 2.3, 2.05, colour, 0.15)
    pad.polygon([(1.1, 1.15), (1.1, 1.85), (1.9, 1.85), (2.25, 1.15)], (52, 62, 72))
    pad.box(-2.35, 0.32, 2.35, 0.46, (40, 40, 42))
    for x in (-1.4, 1.5):
        pad.disc(x, 0.35, 0.36, (24, 24, 26))
        pad.disc(x, 0.35, 0.2, (150, 150, 152))
    return pad.done(rng, shade=0.25)


_DRAWERS = {
    "pole": _pole,
    "sign": _sign,
    "bench": _bench,
    "car": _car,
    "bicycle": _bicycle,
    "bin": _bin,
    "bush": _bush,
    "tree": _tree,
    "wall": _wall,
    "van": _van,
}
