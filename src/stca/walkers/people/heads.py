"""Head, face, hair, caps, hats and hoods."""

from __future__ import annotations

from stca.walkers.people import fabric
from stca.walkers.people.surfaces import Patch, smoothstep
from stca.walkers.people.tailor import Paint, Profile, Tailor


def head_and_hair(tailor: Tailor) -> list[Patch]:
    """The head and what is on it."""
    k = tailor.build.head
    skull: Profile = [
        (0.868, 0.0, 0.0, 0, 0.012),
        (0.87, 0.02 * k, 0.022 * k, 0, 0.016),
        (0.885, 0.033 * k, 0.038 * k, 0, 0.012),
        (0.91, 0.041 * k, 0.05 * k, 0, 0.006),
        (0.94, 0.0435 * k, 0.054 * k, 0, 0.002),
        (0.97, 0.039 * k, 0.048 * k, 0, 0.0),
        (0.988, 0.026 * k, 0.032 * k, 0, 0.0),
        (0.9965, 0.009 * k, 0.011 * k, 0, 0.0),
        (0.998, 0.0, 0.0, 0, 0.0),
    ]
    both = ("head",)
    patches = [tailor.patch(skull, lambda q: fabric.head(tailor.outfit, tailor.h, q), both)]
    kind = tailor.outfit.hair_kind
    hair = fabric.mottled(tailor.outfit.hair, tailor.rng, 0.16)
    if kind in ("short", "long", "tail"):
        patches.append(_cap(tailor, hair, 0.004 + 0.004 * tailor.rng.random()))
    if kind in ("long", "tail"):
        patches.append(_tress(tailor, hair, long=kind == "long"))
    if kind in ("cap", "hat"):
        patches += _headgear(tailor)
    if kind == "hood":
        patches.append(_cap(tailor, fabric.mottled(tailor.outfit.upper, tailor.rng, 0.08), 0.014, low=0.862))
    return patches


def _cap(tailor: Tailor, paint: Paint, thick: float, low: float = 0.90) -> Patch:
    k = tailor.build.head
    shell: Profile = [
        (low, 0.040 * k + thick * 0.6, 0.036 * k + thick, 0, -0.018),
        (0.925, 0.0435 * k + thick, 0.044 * k + thick, 0, -0.012),
        (0.95, 0.0435 * k + thick, 0.051 * k + thick, 0, -0.006),
        (0.975, 0.037 * k + thick, 0.045 * k + thick, 0, -0.002),
        (0.992, 0.025 * k + thick, 0.031 * k + thick, 0, -0.001),
        (1.0 + thick * 0.6, 0.008 * k + thick, 0.01 * k + thick, 0, 0.0),
        (1.001 + thick * 0.6, 0.0, 0.0, 0, 0.0),
    ]
    return tailor.patch(shell, paint, ("head",), folds=0.0012)


def _tress(tailor: Tailor, paint: Paint, *, long: bool) -> Patch:
    end = float(tailor.rng.uniform(0.76, 0.84))
    wide, deep, back = (0.046, 0.026, -0.034) if long else (0.014, 0.016, -0.062)
    tress: Profile = [
        (0.955, wide * 0.6, deep * 0.6, 0, back * 0.8),
        (0.93, wide, deep, 0, back),
        (0.87, wide * (1.05 if long else 1), deep, 0, back - 0.004),
        (end + 0.02, wide * (1.1 if long else 0.9), deep * 0.8, 0, back - 0.016),
        (end, 0.0, 0.0, 0, back - 0.016),
    ]
    return tailor.patch(
        tress,
        paint,
        ("head", "spine"),
        lambda q: 0.75 * smoothstep(0.88 * tailor.h, 0.80 * tailor.h, q[:, 1]),
        folds=0.002,
    )


def _headgear(tailor: Tailor) -> list[Patch]:
    k, o = tailor.build.head, tailor.outfit
    paint = fabric.mottled(o.hat, tailor.rng, 0.06)
    crown: Profile = [
        (0.952, 0.047 * k, 0.056 * k, 0, 0.0),
        (0.975, 0.045 * k, 0.053 * k, 0, -0.001),
        (0.998, 0.033 * k, 0.04 * k, 0, -0.002),
        (1.008, 0.012 * k, 0.014 * k, 0, -0.002),
        (1.009, 0.0, 0.0, 0, -0.002),
    ]
    if o.hair_kind == "cap":
        brim: Profile = [
            (0.950, 0.0, 0.0, 0, 0.05),
            (0.951, 0.036 * k, 0.038 * k, 0, 0.05),
            (0.956, 0.036 * k, 0.038 * k, 0, 0.05),
            (0.957, 0.0, 0.0, 0, 0.05),
        ]
    else:
        brim = [
            (0.954, 0.045, 0.05, 0, 0),
            (0.956, 0.075 * k, 0.083 * k, 0, 0),
            (0.960, 0.075 * k, 0.083 * k, 0, 0),
            (0.962, 0.045, 0.05, 0, 0),
        ]
    both = ("head",)
    under = _cap(tailor, fabric.mottled(o.hair, tailor.rng, 0.16), 0.002)
    return [under, tailor.patch(crown, paint, both), tailor.patch(brim, paint, both)]
