"""What hangs or is carried: skirts, coats, shorts, backpacks and bags."""

from __future__ import annotations

import numpy as np

from stca.walkers.people import fabric
from stca.walkers.people.surfaces import Patch, smoothstep
from stca.walkers.people.tailor import Paint, Profile, Tailor


def extras(tailor: Tailor) -> list[Patch]:
    """Everything this person wears loosely or carries."""
    o = tailor.outfit
    patches = []
    if o.lower_kind in ("skirt", "shorts"):
        patches += _skirt(tailor) if o.lower_kind == "skirt" else [_short(tailor, "l"), _short(tailor, "r")]
    if o.coat:
        patches += _drape(
            tailor, 0.60, o.coat, 0.012 + tailor.cloth / tailor.h, lambda q: fabric.coat(o, tailor.h, q)
        )
    if o.backpack:
        patches.append(_backpack(tailor, o.backpack))
    if o.bag:
        patches.append(_bag(tailor, o.bag))
    return patches


def _skirt(tailor: Tailor) -> list[Patch]:
    flare = 0.006 + 0.03 * tailor.outfit.loose
    return _drape(tailor, 0.585, tailor.outfit.hem, flare, lambda q: fabric.skirt(tailor.outfit, tailor.h, q))


def _drape(tailor: Tailor, top: float, hem: float, flare: float, paint: Paint) -> list[Patch]:
    """A skirt or the skirts of a coat: the legs push its front and its back."""
    p = tailor.build.hips * tailor.girth
    mid = 0.5 * (min(0.5, top - 0.05) + hem)
    profile: Profile = [
        (top, 0.084 * p + tailor.cloth / tailor.h, 0.06 * p + tailor.cloth / tailor.h, 0, 0),
        (0.53, 0.1 * p + flare / 2, 0.07 * p + flare / 2, 0, 0),
        (mid, 0.102 * p + flare, 0.078 * p + flare, 0, 0),
        (hem, 0.104 * p + flare * 1.4, 0.082 * p + flare * 1.6, 0, 0),
    ]
    whole = tailor.patch(profile, paint, ("pelvis",), power=2.2, folds=0.003, density=0.6)
    down = smoothstep(0.55 * tailor.h, max(hem, 0.36) * tailor.h, whole.points[:, 1])
    front = smoothstep(-0.09 * tailor.h, 0.09 * tailor.h, whole.points[:, 2])
    shares = np.stack([1 - down, down * front, down * (1 - front)], axis=1).astype(np.float32)
    bones = ("pelvis", "drape_front", "drape_back")
    return [Patch(whole.points, whole.normals, whole.albedo, bones, shares)]


def _short(tailor: Tailor, side: str) -> Patch:
    o, g = tailor.outfit, tailor.girth
    (x, knee, _), hip = tailor.joints[f"shin_{side}"], 0.52
    wide = 0.006 + 0.008 * o.loose
    profile: Profile = [
        (hip + 0.03, 0.04 * g, 0.05 * g, x, 0),
        (hip - 0.01, 0.052 * g + wide, 0.064 * g + wide, x, 0),
        (0.5 * (hip + o.hem), 0.047 * g + wide, 0.054 * g + wide, x, 0.002),
        (o.hem, 0.044 * g + wide, 0.048 * g + wide, x, 0.003),
        (o.hem - 0.002, 0.0, 0.0, x, 0.003),
    ]
    return tailor.patch(
        profile,
        lambda q: fabric.leg(o, tailor.h, q, x * tailor.h, cloth=True),
        (f"thigh_{side}", f"shin_{side}"),
        lambda q: smoothstep((knee + 0.035) * tailor.h, (knee - 0.035) * tailor.h, q[:, 1]),
        folds=0.003,
        density=0.75,
    )


def _backpack(tailor: Tailor, colour: tuple[float, float, float]) -> Patch:
    deep = float(tailor.rng.uniform(0.04, 0.065))
    wide = float(tailor.rng.uniform(0.075, 0.095))
    z = -0.062 * tailor.girth - tailor.cloth / tailor.h - 0.6 * deep
    profile: Profile = [
        (0.575, 0.0, 0.0, 0, z),
        (0.58, wide * 0.85, deep * 0.85, 0, z),
        (0.62, wide, deep, 0, z - 0.004),
        (0.74, wide, deep * 0.9, 0, z),
        (0.80, wide * 0.8, deep * 0.6, 0, z + 0.01),
        (0.812, 0.0, 0.0, 0, z + 0.012),
    ]
    return tailor.patch(
        profile, fabric.sack(colour, tailor.h, tailor.rng), ("spine",), power=3.5, folds=0.002
    )


def _bag(tailor: Tailor, colour: tuple[float, float, float]) -> Patch:
    sign = 1 if tailor.outfit.bag_side == "l" else -1
    size = float(tailor.rng.uniform(0.7, 1.2))
    if tailor.outfit.bag_kind == "hand":
        x, mid, z = tailor.joints[f"forearm_{tailor.outfit.bag_side}"]
        top, bone, place, thin, long = mid - 0.2, f"forearm_{tailor.outfit.bag_side}", x, 0.022, 0.065
    else:
        top, bone, z, thin, long = 0.6, "pelvis", -0.01, 0.03, 0.075
        place = sign * (0.096 * tailor.girth + tailor.cloth / tailor.h + 0.02)
    profile: Profile = [
        (top, 0.0, 0.0, place, z),
        (top - 0.004, thin * 0.8 * size, long * 0.85 * size, place, z),
        (top - 0.05 * size, thin * size, long * size, place, z),
        (top - 0.12 * size, thin * size, long * size, place, z),
        (top - 0.13 * size, 0.0, 0.0, place, z),
    ]
    return tailor.patch(profile, fabric.sack(colour, tailor.h, tailor.rng), (bone,), power=3.5, density=0.8)
