"""Painting surfaces: where on the body which colour is. Points in metres, colours linear (sRGB squared)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stca.walkers.people.looks import Colour, Outfit
from stca.walkers.people.surfaces import Points, waves


def linear(colour: Colour) -> np.ndarray:
    """Linear light of an sRGB colour (0 to 255), by the gamma of 2 that is used everywhere here."""
    return ((np.asarray(colour, dtype=np.float32) / 255) ** 2).astype(np.float32)


def plain(colour: Colour) -> Callable[[Points], Points]:
    """One colour everywhere."""
    return lambda points: np.tile(linear(colour), (len(points), 1))


def mottled(colour: Colour, rng: np.random.Generator, strength: float) -> Callable[[Points], Points]:
    """One colour with soft brighter and darker streaks, for hair and felt."""
    streaks = waves(rng, length=0.05, stretch=(1.5, 0.4, 1.5))
    return lambda points: linear(colour) * (1 + strength * streaks(points))[:, None]


def sack(colour: Colour, height: float, rng: np.random.Generator) -> Callable[[Points], Points]:
    """A bag: a darker flap line and a pocket of another tone."""
    seam, tone = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.55, 1.5))

    def paint(points: Points) -> Points:
        albedo = np.tile(linear(colour), (len(points), 1))
        y = points[:, 1]
        low, high = float(y.min()), float(y.max())
        level = (y - low) / max(high - low, 1e-6)
        albedo[level < seam] *= tone
        albedo[np.abs(level - seam) < 0.03] *= 0.4
        return np.asarray(np.clip(albedo, 0.002, 0.9).astype(np.float32))

    return paint


def torso(outfit: Outfit, height: float, points: Points) -> Points:
    """Shirt or jacket above, trousers or skirt below, skin at the neck."""
    y = points[:, 1] / height
    albedo = _upper(outfit, height, points)
    if outfit.coat == 0:
        lower = y < outfit.tucked
        albedo[lower] = _lower(outfit, height, points[lower], 0.0)
        albedo[np.abs(y - outfit.tucked) < 0.004] *= 0.55
    x = np.abs(points[:, 0]) / height
    collar = 0.862 if outfit.sleeve == "long" else 0.853
    neck = (y > collar) | ((points[:, 2] > 0) & (x < 0.03) & (y > collar - 0.03 + 0.7 * x))
    albedo[neck] = linear(outfit.skin) * 0.8
    if outfit.backpack:
        straps = (np.abs(np.abs(points[:, 0]) / height - 0.06) < 0.011) & (y > 0.68) & (points[:, 2] > -0.02)
        albedo[straps] = linear(outfit.backpack)
    if outfit.bag and outfit.bag_kind == "shoulder":
        sign = 1 if outfit.bag_side == "l" else -1
        across = np.abs(y - 0.70 + sign * 0.95 * points[:, 0] / height) < 0.011
        albedo[across & (y > 0.57) & ~neck] = linear(outfit.bag)
    return np.asarray(albedo.astype(np.float32))


def arm(outfit: Outfit, height: float, points: Points, elbow: float) -> Points:
    """A sleeve, as long as it is, and skin."""
    if outfit.pattern in ("sleeves", "vest"):
        albedo = np.tile(linear(outfit.upper_second), (len(points), 1))
    elif outfit.pattern in ("hoops", "check", "block"):
        albedo = _upper(outfit, height, points)
    else:
        albedo = np.tile(linear(outfit.upper), (len(points), 1))
    y = points[:, 1]
    if outfit.sleeve == "short":
        albedo[y < elbow + 0.03 * height] = linear(outfit.skin)
        albedo[np.abs(y - elbow - 0.032 * height) < 0.003 * height] *= 0.6
    else:
        albedo[y < elbow - 0.137 * height] *= 0.6
    return np.asarray((albedo * _weave(outfit, points)).astype(np.float32))


def leg(outfit: Outfit, height: float, points: Points, middle: float, *, cloth: bool = False) -> Points:
    """A trouser leg; bare below skirts and shorts unless `cloth`."""
    if outfit.lower_kind != "trousers" and not cloth:
        albedo = np.tile(linear(outfit.skin), (len(points), 1))
        socks = points[:, 1] < (0.055 + 0.06 * (outfit.texture % 3 == 0)) * height
        albedo[socks] = linear(outfit.upper_second if outfit.texture % 2 else (225, 225, 225))
        return np.asarray(albedo.astype(np.float32))
    return _lower(outfit, height, points, middle)


def skirt(outfit: Outfit, height: float, points: Points) -> Points:
    """A skirt: its cloth with pleats, and sometimes the dress continues the shirt."""
    if outfit.texture % 5 < 2:  # a dress
        return _upper(outfit, height, points, body=False)
    albedo = _lower(outfit, height, points, 0.0)
    angle = np.arctan2(points[:, 2], points[:, 0])
    return np.asarray((albedo * (1 + 0.12 * np.sin(18 * angle))[:, None]).astype(np.float32))


def coat(outfit: Outfit, height: float, points: Points) -> Points:
    """The skirts of a coat, open in front."""
    albedo = np.tile(linear(outfit.upper), (len(points), 1)) * _weave(outfit, points)
    seam = (np.abs(points[:, 0]) < 0.006 * height) & (points[:, 2] > 0)
    albedo[seam] *= 0.35
    return np.asarray(albedo.astype(np.float32))


def shoe(outfit: Outfit, height: float, above_ground: np.ndarray) -> Points:
    """A shoe with a sole."""
    albedo = np.tile(linear(outfit.shoes), (len(above_ground), 1))
    sole = linear((230, 230, 226) if outfit.texture % 3 == 1 else (30, 28, 28))
    albedo[above_ground < 0.008 * height] = sole
    return np.asarray(albedo.astype(np.float32))


def head(outfit: Outfit, height: float, points: Points) -> Points:
    """Face with eyes, brows and mouth in front, hair where there is any."""
    albedo = np.tile(linear(outfit.skin), (len(points), 1))
    x, y, z = (points / height).T
    front = z > 0.02
    eyes = front & (np.abs(y - 0.936) < 0.004) & (np.abs(np.abs(x) - 0.016) < 0.008)
    brows = front & (np.abs(y - 0.945) < 0.0022) & (np.abs(np.abs(x) - 0.017) < 0.01)
    mouth = front & (np.abs(y - 0.892) < 0.003) & (np.abs(x) < 0.013)
    nose = front & (np.abs(y - 0.912) < 0.004) & (np.abs(x) < 0.008)
    albedo[eyes] *= 0.25
    albedo[brows] = linear(outfit.hair)
    albedo[mouth] *= np.array([0.75, 0.4, 0.4], np.float32)
    albedo[nose] *= 0.75
    if outfit.hair_kind != "bald":
        albedo[(y > 0.972) | ((z < -0.005) & (y > 0.9))] = linear(outfit.hair)
    return np.asarray(albedo.astype(np.float32))


def _upper(outfit: Outfit, height: float, points: Points, *, body: bool = True) -> Points:
    first, second = linear(outfit.upper), linear(outfit.upper_second)
    x, y, z = (points / np.float32(height)).T
    front = z > 0
    mask = np.zeros(len(points), bool)
    if outfit.pattern == "hoops":
        mask = (y / outfit.period) % 1 < 0.45
    elif outfit.pattern == "stripes":
        mask = (np.arctan2(z, x) * 0.1 / outfit.period * 2) % 1 < 0.35
    elif outfit.pattern == "check":
        mask = ((y / outfit.period * 1.5) % 1 < 0.4) ^ ((np.arctan2(z, x) * 0.15 / outfit.period) % 1 < 0.4)
    elif outfit.pattern == "block":
        mask = y < 0.60 + 1.2 * outfit.period
    elif outfit.pattern in ("logo", "print") and body:
        mask = _emblem(outfit, x, y, front if outfit.pattern == "logo" else ~front)
    elif outfit.pattern == "open" and body:
        mask = front & (np.abs(x) < 0.018 + 0.05 * (0.86 - y))
    albedo = np.where(mask[:, None], second, first)
    if body and outfit.pattern in ("plain", "sleeves", "vest") and outfit.texture % 3 == 0:
        albedo[front & (np.abs(x) < 0.0035)] *= 0.4  # a zip
    return np.asarray((albedo * _weave(outfit, points)).astype(np.float32))


def _emblem(outfit: Outfit, x: np.ndarray, y: np.ndarray, side: np.ndarray) -> np.ndarray:
    """A print of random blocks in a rectangle or disc on one side of the chest."""
    rng = np.random.default_rng(outfit.texture + 1)
    half, tall, middle = rng.uniform(0.035, 0.065), rng.uniform(0.025, 0.06), rng.uniform(0.71, 0.755)
    u, v = (x / half + 1) / 2, ((y - middle) / tall + 1) / 2
    inside = side & (u > 0) & (u < 1) & (v > 0) & (v < 1)
    blocks = rng.random((4, 4)) < 0.72
    filled = blocks[np.clip((v * 4).astype(int), 0, 3), np.clip((u * 4).astype(int), 0, 3)]
    if outfit.texture % 2:
        inside &= (2 * u - 1) ** 2 + (2 * v - 1) ** 2 < 1
        filled |= True
    return np.asarray(inside & filled)


def _lower(outfit: Outfit, height: float, points: Points, middle: float) -> Points:
    albedo = np.tile(linear(outfit.lower), (len(points), 1))
    y, z = points[:, 1] / height, points[:, 2] / height
    if outfit.lower_pattern == "denim":
        worn = np.exp(-(((y - 0.4) / 0.09) ** 2)) * (z > 0) + 0.7 * np.exp(-(((y - 0.27) / 0.03) ** 2)) * (
            z > 0
        )
        albedo *= (1 + 0.8 * worn)[:, None]
    elif outfit.lower_pattern == "seam":
        outer = (points[:, 0] - middle) * (np.sign(middle) or 1) > 0
        albedo[outer & (np.abs(z) < 0.008)] = linear(outfit.lower_second)
    elif outfit.lower_pattern == "camouflage":
        blot = waves(np.random.default_rng(outfit.texture + 2), length=0.15)(points)
        albedo[blot > 0.35] *= 0.45
        albedo[blot < -0.45] *= 1.7
    return np.asarray(np.clip(albedo * _weave(outfit, points), 0.002, 0.9).astype(np.float32))


def _weave(outfit: Outfit, points: Points) -> np.ndarray:
    """Slight unevenness of cloth."""
    uneven = waves(np.random.default_rng(outfit.texture + 3), length=0.22)(points)
    return np.asarray((1 + 0.07 * uneven)[:, None].astype(np.float32))
