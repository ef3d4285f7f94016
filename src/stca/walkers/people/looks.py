"""A person's appearance: build and clothes, drawn from a random generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]  # sRGB, 0 to 255

# Street clothes: (colour, how common). Dark and grey dominate, as on the street.
_CLOTHES: tuple[tuple[Colour, float], ...] = (
    ((28, 28, 30), 3.0),
    ((52, 53, 57), 1.6),
    ((96, 98, 102), 1.4),
    ((160, 162, 164), 1.0),
    ((226, 226, 222), 2.2),
    ((26, 34, 62), 1.6),
    ((44, 66, 120), 1.2),
    ((104, 146, 196), 0.9),
    ((168, 32, 36), 1.3),
    ((96, 24, 34), 0.7),
    ((48, 92, 58), 0.7),
    ((92, 98, 62), 0.8),
    ((40, 136, 134), 0.5),
    ((178, 156, 118), 1.0),
    ((112, 78, 54), 0.8),
    ((228, 196, 66), 0.6),
    ((222, 116, 48), 0.5),
    ((226, 150, 170), 0.8),
    ((120, 70, 140), 0.5),
    ((208, 216, 236), 0.6),
)
_TROUSERS: tuple[tuple[Colour, float], ...] = (
    ((26, 26, 29), 3.0),
    ((42, 52, 82), 2.4),
    ((70, 92, 134), 1.8),
    ((128, 150, 184), 0.7),
    ((74, 74, 78), 1.2),
    ((132, 132, 132), 0.7),
    ((176, 158, 124), 1.0),
    ((86, 84, 62), 0.6),
    ((92, 66, 48), 0.5),
    ((218, 216, 208), 0.6),
    ((120, 32, 38), 0.3),
)
_SHOES: tuple[Colour, ...] = (
    (24, 24, 26),
    (24, 24, 26),
    (60, 44, 36),
    (214, 214, 212),
    (120, 120, 124),
    (150, 44, 40),
)
_SKINS: tuple[Colour, ...] = (
    (236, 196, 168),
    (226, 182, 150),
    (208, 160, 124),
    (170, 120, 88),
    (112, 76, 56),
)
_HAIRS: tuple[Colour, ...] = (
    (22, 18, 16),
    (22, 18, 16),
    (40, 28, 22),
    (74, 50, 34),
    (134, 100, 62),
    (128, 124, 120),
)

UPPER_PATTERNS = ("plain", "hoops", "stripes", "check", "block", "logo", "print", "open", "sleeves", "vest")
LOWER_PATTERNS = ("plain", "denim", "seam", "camouflage")


@dataclass(frozen=True, slots=True)
class Build:
    """Size and proportions: height in metres, the rest relative to the average."""

    height: float = 1.70
    girth: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    legs: float = 1.0
    head: float = 1.0
    belly: float = 0.0


@dataclass(frozen=True, slots=True)
class Outfit:
    """Clothes, hair and what is carried. Colours are sRGB; lengths are shares of the body height."""

    upper: Colour
    upper_second: Colour
    pattern: str
    period: float
    sleeve: str  # long, short
    loose: float
    lower: Colour
    lower_second: Colour
    lower_kind: str  # trousers, shorts, skirt
    lower_pattern: str
    hem: float  # height of the hem of shorts or skirt
    coat: float  # height of the coat's hem; 0 without a coat
    tucked: float  # height at which upper meets lower
    shoes: Colour
    skin: Colour
    hair: Colour
    hair_kind: str  # short, long, tail, bald, cap, hat, hood
    hat: Colour
    backpack: Colour | None
    bag: Colour | None
    bag_side: str  # l, r
    bag_kind: str  # shoulder, hand
    texture: int  # seeds folds, prints and small marks


def draw_build(rng: np.random.Generator) -> Build:
    """A random adult."""
    return Build(
        height=float(np.clip(rng.normal(1.70, 0.09), 1.48, 1.95)),
        girth=float(np.clip(rng.lognormal(0.0, 0.11), 0.82, 1.4)),
        shoulders=float(np.clip(rng.normal(1.0, 0.06), 0.86, 1.16)),
        hips=float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.15)),
        legs=float(np.clip(rng.normal(1.0, 0.025), 0.95, 1.05)),
        head=float(np.clip(rng.normal(1.0, 0.04), 0.92, 1.1)),
        belly=float(max(0.0, rng.normal(0.0, 0.5))),
    )


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Random street clothes."""
    lower_kind = str(rng.choice(["trousers", "shorts", "skirt"], p=[0.7, 0.15, 0.15]))
    pattern = str(rng.choice(UPPER_PATTERNS, p=[0.24, 0.08, 0.05, 0.07, 0.08, 0.1, 0.08, 0.14, 0.08, 0.08]))
    coat = float(rng.uniform(0.28, 0.42)) if lower_kind == "trousers" and rng.random() < 0.14 else 0.0
    long_hair = 0.45 if lower_kind == "skirt" else 0.2
    kinds = ("short", "long", "tail", "bald", "cap", "hat", "hood")
    rest = 1 - long_hair
    shares = np.array(
        [0.58 * rest, 0.6 * long_hair, 0.4 * long_hair, 0.05 * rest, 0.19 * rest, 0.08 * rest, 0.1 * rest]
    )
    upper = _pick(rng, _CLOTHES)
    sleeve = "long" if coat or rng.random() < 0.58 else "short"
    hair_kind = str(rng.choice(kinds, p=shares / shares.sum()))
    if hair_kind == "hood" and sleeve == "short":
        hair_kind = "cap"
    return Outfit(
        upper=upper,
        upper_second=_contrasting(rng, upper),
        pattern=pattern,
        period=float(rng.uniform(0.05, 0.13)),
        sleeve=sleeve,
        loose=float(rng.uniform(0.0, 1.0)),
        lower=_pick(rng, _TROUSERS if lower_kind != "skirt" else _CLOTHES),
        lower_second=_contrasting(rng, (60.0, 60.0, 60.0)),
        lower_kind=lower_kind,
        lower_pattern=str(rng.choice(LOWER_PATTERNS, p=[0.5, 0.3, 0.12, 0.08])),
        hem=float(rng.uniform(0.27, 0.36) if lower_kind == "shorts" else rng.uniform(0.12, 0.36)),
        coat=coat,
        tucked=float(rng.uniform(0.47, 0.58)),
        shoes=_vary(rng, _SHOES[rng.integers(len(_SHOES))], 8),
        skin=_vary(rng, _SKINS[rng.choice(len(_SKINS), p=[0.28, 0.3, 0.2, 0.12, 0.1])], 6),
        hair=_vary(rng, _HAIRS[rng.integers(len(_HAIRS))], 6),
        hair_kind=hair_kind,
        hat=_pick(rng, _CLOTHES),
        backpack=_pick(rng, _CLOTHES) if rng.random() < 0.25 else None,
        bag=_pick(rng, _CLOTHES) if rng.random() < 0.25 else None,
        bag_side=str(rng.choice(["l", "r"])),
        bag_kind=str(rng.choice(["shoulder", "hand"])),
        texture=int(rng.integers(2**31)),
    )


def _pick(rng: np.random.Generator, palette: tuple[tuple[Colour, float], ...]) -> Colour:
    weights = np.array([weight for _, weight in palette])
    return _vary(rng, palette[rng.choice(len(palette), p=weights / weights.sum())][0], 10)


def _vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    shifted = np.clip(np.array(colour) * rng.uniform(0.9, 1.1) + rng.normal(0, spread / 2, 3), 8, 245)
    return float(shifted[0]), float(shifted[1]), float(shifted[2])


def _contrasting(rng: np.random.Generator, colour: Colour) -> Colour:
    """A second colour that can be told from the first."""
    for _ in range(20):
        other = _pick(rng, _CLOTHES)
        if np.abs(np.subtract(other, colour)).max() > 60:
            return other
    return (235.0, 235.0, 230.0) if sum(colour) < 380 else (30.0, 30.0, 34.0)
