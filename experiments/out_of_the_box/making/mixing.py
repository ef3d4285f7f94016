"""Looks: people put together from parts of several people, in other colours, before other scenes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from experiments.out_of_the_box.making.material import SIZE, Material
from numpy.random import Generator

from stca.footage.images import RGB

_WAIST = (0.40, 0.58)
_NECK = (0.13, 0.20)


@dataclass(frozen=True)
class Tint:
    """A change of colour: turn of the hue in degrees, factors of saturation and value, addend of value."""

    hue: float
    saturation: float
    gain: float
    lift: float


@dataclass(frozen=True)
class Look:
    """What somebody looks like, in numbers: which crops, which boundaries between them, which colours."""

    upper: tuple[str, int]
    lower: tuple[str, int]
    head: tuple[str, int] | None
    waist: float
    neck: float
    tints: tuple[Tint | None, Tint | None]
    scene: tuple[int, float, float] | None
    bag: tuple[tuple[str, int], float, float, float, float] | None


def draw_look(rng: Generator, material: Material) -> Look:
    """A look by chance: half of them mixtures of two people, most of the rest in other colours."""
    upper = _pick(rng, material)
    chimera = rng.random() < 0.5
    lower = _pick(rng, material) if chimera else upper
    tinted = rng.random() < (0.4 if chimera else 0.7)
    return Look(
        upper=upper,
        lower=lower,
        head=_pick(rng, material) if rng.random() < 0.15 else None,
        waist=rng.uniform(*_WAIST),
        neck=rng.uniform(*_NECK),
        tints=(draw_tint(rng), draw_tint(rng)) if tinted else (None, None),
        scene=_draw_scene(rng, material) if rng.random() < 0.3 else None,
        bag=_draw_bag(rng, material) if rng.random() < 0.12 else None,
    )


def change_look(rng: Generator, look: Look, material: Material) -> Look:
    """Somebody else who is easily mistaken: one part of the look is another's, or of another colour."""
    which = rng.integers(5)
    if which == 0:
        return replace(look, upper=_pick(rng, material))
    if which == 1:
        return replace(look, lower=_pick(rng, material))
    if which == 2:
        return replace(look, tints=(draw_tint(rng), look.tints[1]))
    if which == 3:
        return replace(look, tints=(look.tints[0], draw_tint(rng)))
    return replace(look, head=_pick(rng, material), bag=_draw_bag(rng, material))


def draw_tint(rng: Generator) -> Tint:
    """Any hue; from washed out to strong; from dark to bright."""
    saturation = rng.uniform(0, 0.5) if rng.random() < 0.3 else rng.uniform(0.6, 1.8)
    return Tint(rng.uniform(0, 360), saturation, rng.uniform(0.45, 1.5), rng.uniform(-40, 60))


def render(look: Look, material: Material) -> RGB:
    """The look as one picture of `SIZE`."""
    upper, lower = (
        _tinted(_crop(material, part), tint)
        for part, tint in zip((look.upper, look.lower), look.tints, strict=True)
    )
    picture = _below(upper, lower, look.waist)
    if look.head is not None:
        picture = _below(_crop(material, look.head), picture, look.neck)
    if look.bag is not None:
        picture = _with_bag(picture, look.bag, material)
    if look.scene is not None:
        picture = _before(picture, look.scene, material)
    return picture.astype(np.uint8)


def scene_patch(scene: tuple[int, float, float], material: Material) -> RGB:
    """An upright piece of a scene, of `SIZE`."""
    source = material.scenes[scene[0]]
    height = min(source.shape[0], source.shape[1] * 2, 256)
    width = height // 2
    top = round(scene[1] * (source.shape[0] - height))
    left = round(scene[2] * (source.shape[1] - width))
    return _fit(source[top : top + height, left : left + width])


def _pick(rng: Generator, material: Material) -> tuple[str, int]:
    names = list(material.shares)
    name = names[rng.choice(len(names), p=list(material.shares.values()))]
    return name, int(rng.integers(len(material.crops[name])))


def _draw_scene(rng: Generator, material: Material) -> tuple[int, float, float]:
    return int(rng.integers(len(material.scenes))), rng.random(), rng.random()


def _draw_bag(rng: Generator, material: Material) -> tuple[tuple[str, int], float, float, float, float]:
    return (
        _pick(rng, material),
        rng.uniform(0.25, 0.6),
        rng.uniform(0.1, 0.7),
        rng.uniform(0.1, 0.2),
        rng.uniform(0.2, 0.4),
    )


def _crop(material: Material, part: tuple[str, int]) -> RGB:
    return _fit(material.crops[part[0]][part[1]])


def _fit(picture: RGB) -> RGB:
    return np.asarray(cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_LINEAR))


def _tinted(picture: RGB, tint: Tint | None) -> RGB:
    """Recolour the middle of the crop, where the person is, softly."""
    if tint is None:
        return picture
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + tint.hue / 2) % 180
    hsv[..., 1] *= tint.saturation
    hsv[..., 2] = hsv[..., 2] * tint.gain + tint.lift
    other = cv2.cvtColor(np.clip(hsv, 0, (179, 255, 255)).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return _blend(other, picture, _BODY)


def _below(upper: RGB, lower: RGB, at: float) -> RGB:
    rows = np.arange(SIZE[0], dtype=np.float32)[:, None, None]
    return _blend(upper, lower, np.clip((at * SIZE[0] - rows) / 8 + 0.5, 0, 1))


def _before(picture: RGB, scene: tuple[int, float, float], material: Material) -> RGB:
    return _blend(picture, scene_patch(scene, material), _SILHOUETTE)


def _with_bag(
    picture: RGB, bag: tuple[tuple[str, int], float, float, float, float], material: Material
) -> RGB:
    part, top, left, height, width = bag
    source = _crop(material, part)[80:160, 40:90]
    size = (max(4, round(width * SIZE[1])), max(4, round(height * SIZE[0])))
    patch = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
    row, column = round(top * SIZE[0]), round(left * SIZE[1])
    patch = patch[: SIZE[0] - row, : SIZE[1] - column]
    out = picture.copy()
    out[row : row + patch.shape[0], column : column + patch.shape[1]] = patch
    return out


def _blend(front: RGB, back: RGB, alpha: np.ndarray) -> RGB:
    return (front * alpha + back * (1 - alpha)).astype(np.uint8)


def _ellipses(*parts: tuple[float, float, float, float], soft: float) -> np.ndarray:
    """Softly filled ellipses (centre row, centre column, half height, half width as parts of the picture)."""
    mask = np.zeros(SIZE, np.float32)
    for row, column, high, wide in parts:
        centre = (round(column * SIZE[1]), round(row * SIZE[0]))
        cv2.ellipse(mask, centre, (round(wide * SIZE[1]), round(high * SIZE[0])), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), soft)[..., None]


_BODY = _ellipses((0.5, 0.5, 0.55, 0.40), soft=10)
_SILHOUETTE = _ellipses((0.12, 0.5, 0.13, 0.20), (0.36, 0.5, 0.24, 0.38), (0.75, 0.5, 0.35, 0.32), soft=5)
