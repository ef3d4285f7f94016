"""From build and clothes to a surface: which tubes a person is made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from stca.datasets.walkers import fabric
from stca.datasets.walkers.gait import BONES
from stca.datasets.walkers.looks import Build, Outfit
from stca.datasets.walkers.surfaces import Patch, Points, Surface, loft, sew, smoothstep, waves

Paint = Callable[[Points], Points]
Profile = list[tuple[float, float, float, float, float]]


def skeleton(build: Build) -> Float32[np.ndarray, "bones 3"]:
    """Joints of the standing body in metres, one row per bone."""
    h = build.height
    hip, knee, ankle = 0.52 * build.legs * h, 0.285 * build.legs * h, 0.042 * h
    shoulder, elbow = 0.815 * h, 0.645 * h
    wide, leg = 0.101 * build.shoulders * h, 0.051 * build.hips * h
    places: dict[str, tuple[float, float, float]] = {
        "pelvis": (0, hip + 0.02 * h, 0),
        "spine": (0, 0.60 * h, 0),
        "head": (0, 0.865 * h, 0.0),
        "drape_front": (0, hip, 0),
        "drape_back": (0, hip, 0),
    }
    for side, sign in (("l", 1), ("r", -1)):
        places[f"arm_{side}"] = (sign * wide, shoulder, -0.005 * h)
        places[f"forearm_{side}"] = (sign * wide, elbow, -0.008 * h)
        places[f"thigh_{side}"] = (sign * leg, hip, 0)
        places[f"shin_{side}"] = (sign * leg, knee, 0.003 * h)
        places[f"foot_{side}"] = (sign * leg, ankle, -0.012 * h)
    return np.array([places[name] for name in BONES], dtype=np.float32)


def dress(build: Build, outfit: Outfit, *, spacing: float) -> Surface:
    """The surface of a dressed person.

    Args:
        build: size and proportions.
        outfit: clothes, hair, bags.
        spacing: metres between surface points; three quarters of a pixel is enough.

    """
    tailor = _Tailor(build, outfit, spacing)
    patches = [tailor.torso(), *tailor.head()]
    for side in ("l", "r"):
        patches += [tailor.leg(side), tailor.shoe(side), tailor.arm(side), tailor.hand(side)]
    patches += tailor.extras()
    return sew(patches)


class _Tailor:
    """Holds what all parts need: sizes, clothes, the folds' random numbers."""

    def __init__(self, build: Build, outfit: Outfit, spacing: float) -> None:
        self.build, self.outfit, self.spacing = build, outfit, spacing
        self.h = build.height
        # In shares of the height, like the profiles.
        self.joints = {
            name: (float(x) / self.h, float(y) / self.h, float(z) / self.h)
            for name, (x, y, z) in zip(BONES, skeleton(build), strict=True)
        }
        self.rng = np.random.default_rng(outfit.texture)
        self.girth = build.girth
        self.cloth = (
            0.004 + 0.008 * outfit.loose + (0.006 if outfit.coat or outfit.pattern == "open" else 0)
        ) * self.h
        self.wrinkles = waves(self.rng, length=0.16, stretch=(1.2, 0.75, 1.2))

    def patch(
        self,
        profile: Profile,
        paint: Paint,
        bones: tuple[str, ...],
        share: Callable[[Points], np.ndarray] | None = None,
        *,
        power: float = 2.0,
        folds: float = 0.0,
        density: float = 1.0,
    ) -> Patch:
        """Loft a profile given in shares of the height, paint it and hang it on its bones."""
        rings = [tuple(self.h * value for value in ring) for ring in profile]
        push = (lambda p: np.float32(folds * self.h) * self.wrinkles(p)) if folds else None
        points, normals = loft(rings, self.spacing * density, power=power, folds=push)  # type: ignore[arg-type]
        if share is None:
            return Patch(points, normals, paint(points), bones, np.ones((len(points), 1), np.float32))
        second = share(points).astype(np.float32)
        return Patch(points, normals, paint(points), bones, np.stack([1 - second, second], axis=1))

    def torso(self) -> Patch:
        b, g = self.build, self.girth
        s, p = g * b.shoulders, g * b.hips
        c = self.cloth / self.h
        belly = 0.012 * max(0.0, b.belly) * g
        low = 0.47 * b.legs
        profile: Profile = [
            (low, 0.0, 0.0, 0, 0),
            (low + 0.004, 0.05 * p, 0.035 * p, 0, 0),
            (0.50, 0.089 * p + c / 2, 0.064 * p + c / 2, 0, -0.004),
            (0.54, 0.096 * p + c / 2, 0.066 * p + c / 2, 0, -0.004),
            (0.59, 0.085 * p + c, 0.058 * g + c + belly / 2, 0, belly / 2),
            (0.63, 0.081 * g + c, 0.056 * g + c + belly / 2, 0, belly / 2),
            (0.69, 0.089 * s + c, 0.063 * g + c, 0, 0.003),
            (0.75, 0.100 * s + c, 0.066 * g + c, 0, 0.003),
            (0.785, 0.103 * s + c, 0.062 * g + c, 0, -0.002),
            (0.81, 0.094 * s + c, 0.052 * g + c, 0, -0.005),
            (0.828, 0.076 * s + c / 2, 0.043 * g + c / 2, 0, -0.007),
            (0.845, 0.052 * s, 0.037 * g, 0, -0.007),
            (0.857, 0.036, 0.034, 0, -0.003),
            (0.885, 0.031, 0.033, 0, 0.006),
        ]
        waist = self.joints["spine"][1] * self.h
        return self.patch(
            profile,
            lambda q: fabric.torso(self.outfit, self.h, q),
            ("pelvis", "spine"),
            lambda q: smoothstep(waist - 0.05 * self.h, waist + 0.05 * self.h, q[:, 1]),
            power=2.35,
            folds=0.0014 + 0.0018 * self.outfit.loose,
        )

    def leg(self, side: str) -> Patch:
        o, g = self.outfit, self.girth
        x, knee, _ = self.joints[f"shin_{side}"]
        hip = self.joints[f"thigh_{side}"][1]
        bare = o.lower_kind != "trousers"
        wide = 0.0 if bare else 0.002 + 0.012 * o.loose
        end = 0.05 if bare else 0.022
        profile: Profile = [
            (hip + 0.035, 0.0, 0.0, x, 0),
            (hip + 0.03, 0.035 * g, 0.045 * g, x, 0),
            (hip - 0.01, 0.05 * g, 0.061 * g, x, -0.002),
            (0.7 * hip + 0.3 * knee, 0.047 * g + wide / 2, 0.052 * g + wide / 2, x, 0.002),
            (knee + 0.02, 0.034 * g + wide, 0.036 * g + wide, x, 0.004),
            (knee - 0.03, 0.031 * g + wide, 0.034 * g + wide, x, 0),
            (0.7 * knee, 0.032 * g + wide, 0.036 * g + wide, x, -0.006),
            (0.4 * knee, 0.024 * g + 1.2 * wide, 0.027 * g + 1.2 * wide, x, -0.01),
            (end, 0.019 * g + 1.3 * wide, 0.022 * g + 1.3 * wide, x, -0.01),
            (end - 0.002, 0.0, 0.0, x, -0.01),
        ]
        return self.patch(
            profile,
            lambda q: fabric.leg(o, self.h, q, x * self.h),
            (f"thigh_{side}", f"shin_{side}"),
            lambda q: smoothstep((knee + 0.035) * self.h, (knee - 0.035) * self.h, q[:, 1]),
            folds=0.0 if bare else 0.001 + 0.0022 * o.loose,
        )

    def shoe(self, side: str) -> Patch:
        x, _, behind = self.joints[f"foot_{side}"]
        # Lofted upright along the foot, then laid down: y runs from heel to toe.
        profile: Profile = [
            (-0.036, 0.0, 0.0, x, 0.02),
            (-0.034, 0.016, 0.016, x, 0.02),
            (-0.01, 0.022, 0.026, x, 0.026),
            (0.02, 0.023, 0.024, x, 0.023),
            (0.06, 0.027, 0.017, x, 0.016),
            (0.09, 0.026, 0.013, x, 0.012),
            (0.106, 0.015, 0.009, x, 0.01),
            (0.109, 0.0, 0.0, x, 0.01),
        ]
        upright = self.patch(profile, lambda q: fabric.shoe(self.outfit, self.h, q[:, 2]), (f"foot_{side}",))
        shift = np.array([0, 0, (behind + 0.012) * self.h], np.float32)
        return Patch(
            points=upright.points[:, [0, 2, 1]] + shift,
            normals=upright.normals[:, [0, 2, 1]],
            albedo=upright.albedo,
            bones=upright.bones,
            shares=upright.shares,
        )

    def arm(self, side: str) -> Patch:
        o, g = self.outfit, self.girth
        (x, top, z), mid = self.joints[f"arm_{side}"], self.joints[f"forearm_{side}"][1]
        inward = -0.014 if x > 0 else 0.014
        wide = 0.003 + 0.008 * o.loose + (0.006 if o.coat or o.pattern == "open" else 0.0)
        lower = wide if o.sleeve == "long" else 0.0
        profile: Profile = [
            (top + 0.02, 0.0, 0.0, x + inward, z),
            (top + 0.016, 0.014 * g, 0.018 * g, x + 0.9 * inward, z),
            (top + 0.002, 0.025 * g + wide / 3, 0.03 * g + wide / 3, x + 0.2 * inward, z),
            (top - 0.03, 0.0275 * g + wide / 2, 0.032 * g + wide / 2, x, z),
            (top - 0.08, 0.0265 * g + wide, 0.029 * g + wide, x, z),
            (mid + 0.02, 0.024 * g + wide, 0.026 * g + wide, x, z),
            (mid - 0.03, 0.021 * g + lower, 0.023 * g + lower, x, z),
            (mid - 0.12, 0.0155 * g + lower, 0.017 * g + lower, x, z),
            (mid - 0.145, 0.015 * g + lower, 0.016 * g + lower, x, z),
            (mid - 0.147, 0.0, 0.0, x, z),
        ]
        return self.patch(
            profile,
            lambda q: fabric.arm(o, self.h, q, mid * self.h),
            (f"arm_{side}", f"forearm_{side}"),
            lambda q: smoothstep((mid + 0.03) * self.h, (mid - 0.03) * self.h, q[:, 1]),
            folds=0.001 + 0.002 * o.loose if o.sleeve == "long" else 0.0,
        )

    def hand(self, side: str) -> Patch:
        x, mid, z = self.joints[f"forearm_{side}"]
        profile: Profile = [
            (mid - 0.135, 0.012, 0.015, x, z),
            (mid - 0.16, 0.012, 0.022, x, z + 0.003),
            (mid - 0.19, 0.011, 0.02, x, z + 0.006),
            (mid - 0.21, 0.008, 0.012, x, z + 0.008),
            (mid - 0.214, 0.0, 0.0, x, z + 0.008),
        ]
        return self.patch(profile, fabric.plain(self.outfit.skin), (f"forearm_{side}",))

    def head(self) -> list[Patch]:
        k = self.build.head
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
        patches = [self.patch(skull, lambda q: fabric.head(self.outfit, self.h, q), both)]
        kind = self.outfit.hair_kind
        hair = fabric.mottled(self.outfit.hair, self.rng, 0.16)
        if kind in ("short", "long", "tail"):
            patches.append(self.cap_of_hair(hair, 0.004 + 0.004 * self.rng.random()))
        if kind in ("long", "tail"):
            patches.append(self.falling_hair(hair, long=kind == "long"))
        if kind in ("cap", "hat"):
            patches += self.headgear()
        if kind == "hood":
            patches.append(
                self.cap_of_hair(fabric.mottled(self.outfit.upper, self.rng, 0.08), 0.014, low=0.862)
            )
        return patches

    def cap_of_hair(self, paint: Paint, thick: float, low: float = 0.90) -> Patch:
        k = self.build.head
        shell: Profile = [
            (low, 0.040 * k + thick * 0.6, 0.036 * k + thick, 0, -0.018),
            (0.925, 0.0435 * k + thick, 0.044 * k + thick, 0, -0.012),
            (0.95, 0.0435 * k + thick, 0.051 * k + thick, 0, -0.006),
            (0.975, 0.037 * k + thick, 0.045 * k + thick, 0, -0.002),
            (0.992, 0.025 * k + thick, 0.031 * k + thick, 0, -0.001),
            (1.0 + thick * 0.6, 0.008 * k + thick, 0.01 * k + thick, 0, 0.0),
            (1.001 + thick * 0.6, 0.0, 0.0, 0, 0.0),
        ]
        return self.patch(shell, paint, ("head",), folds=0.0012)

    def falling_hair(self, paint: Paint, *, long: bool) -> Patch:
        end = float(self.rng.uniform(0.76, 0.84))
        wide, deep, back = (0.046, 0.026, -0.034) if long else (0.014, 0.016, -0.062)
        tress: Profile = [
            (0.955, wide * 0.6, deep * 0.6, 0, back * 0.8),
            (0.93, wide, deep, 0, back),
            (0.87, wide * (1.05 if long else 1), deep, 0, back - 0.004),
            (end + 0.02, wide * (1.1 if long else 0.9), deep * 0.8, 0, back - 0.016),
            (end, 0.0, 0.0, 0, back - 0.016),
        ]
        return self.patch(
            tress,
            paint,
            ("head", "spine"),
            lambda q: 0.75 * smoothstep(0.88 * self.h, 0.80 * self.h, q[:, 1]),
            folds=0.002,
        )

    def headgear(self) -> list[Patch]:
        k, o = self.build.head, self.outfit
        paint = fabric.mottled(o.hat, self.rng, 0.06)
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
        under = self.cap_of_hair(fabric.mottled(o.hair, self.rng, 0.16), 0.002)
        return [under, self.patch(crown, paint, both), self.patch(brim, paint, both)]

    def extras(self) -> list[Patch]:
        o = self.outfit
        patches = []
        if o.lower_kind in ("skirt", "shorts"):
            patches += self.skirt() if o.lower_kind == "skirt" else [self.short("l"), self.short("r")]
        if o.coat:
            patches += self.drape(
                0.60, o.coat, 0.012 + self.cloth / self.h, lambda q: fabric.coat(o, self.h, q)
            )
        if o.backpack:
            patches.append(self.backpack(o.backpack))
        if o.bag:
            patches.append(self.bag(o.bag))
        return patches

    def skirt(self) -> list[Patch]:
        flare = 0.006 + 0.03 * self.outfit.loose
        return self.drape(0.585, self.outfit.hem, flare, lambda q: fabric.skirt(self.outfit, self.h, q))

    def drape(self, top: float, hem: float, flare: float, paint: Paint) -> list[Patch]:
        """A skirt or the skirts of a coat: the legs push its front and its back."""
        p = self.build.hips * self.girth
        mid = 0.5 * (min(0.5, top - 0.05) + hem)
        profile: Profile = [
            (top, 0.084 * p + self.cloth / self.h, 0.06 * p + self.cloth / self.h, 0, 0),
            (0.53, 0.1 * p + flare / 2, 0.07 * p + flare / 2, 0, 0),
            (mid, 0.102 * p + flare, 0.078 * p + flare, 0, 0),
            (hem, 0.104 * p + flare * 1.4, 0.082 * p + flare * 1.6, 0, 0),
        ]
        whole = self.patch(profile, paint, ("pelvis",), power=2.2, folds=0.003, density=0.6)
        down = smoothstep(0.55 * self.h, max(hem, 0.36) * self.h, whole.points[:, 1])
        front = smoothstep(-0.09 * self.h, 0.09 * self.h, whole.points[:, 2])
        shares = np.stack([1 - down, down * front, down * (1 - front)], axis=1).astype(np.float32)
        bones = ("pelvis", "drape_front", "drape_back")
        return [Patch(whole.points, whole.normals, whole.albedo, bones, shares)]

    def short(self, side: str) -> Patch:
        o, g = self.outfit, self.girth
        (x, knee, _), hip = self.joints[f"shin_{side}"], 0.52
        wide = 0.006 + 0.008 * o.loose
        profile: Profile = [
            (hip + 0.03, 0.04 * g, 0.05 * g, x, 0),
            (hip - 0.01, 0.052 * g + wide, 0.064 * g + wide, x, 0),
            (0.5 * (hip + o.hem), 0.047 * g + wide, 0.054 * g + wide, x, 0.002),
            (o.hem, 0.044 * g + wide, 0.048 * g + wide, x, 0.003),
            (o.hem - 0.002, 0.0, 0.0, x, 0.003),
        ]
        return self.patch(
            profile,
            lambda q: fabric.leg(o, self.h, q, x * self.h, cloth=True),
            (f"thigh_{side}", f"shin_{side}"),
            lambda q: smoothstep((knee + 0.035) * self.h, (knee - 0.035) * self.h, q[:, 1]),
            folds=0.003,
            density=0.75,
        )

    def backpack(self, colour: tuple[float, float, float]) -> Patch:
        deep = float(self.rng.uniform(0.04, 0.065))
        wide = float(self.rng.uniform(0.075, 0.095))
        z = -0.062 * self.girth - self.cloth / self.h - 0.6 * deep
        profile: Profile = [
            (0.575, 0.0, 0.0, 0, z),
            (0.58, wide * 0.85, deep * 0.85, 0, z),
            (0.62, wide, deep, 0, z - 0.004),
            (0.74, wide, deep * 0.9, 0, z),
            (0.80, wide * 0.8, deep * 0.6, 0, z + 0.01),
            (0.812, 0.0, 0.0, 0, z + 0.012),
        ]
        return self.patch(profile, fabric.sack(colour, self.h, self.rng), ("spine",), power=3.5, folds=0.002)

    def bag(self, colour: tuple[float, float, float]) -> Patch:
        sign = 1 if self.outfit.bag_side == "l" else -1
        size = float(self.rng.uniform(0.7, 1.2))
        if self.outfit.bag_kind == "hand":
            x, mid, z = self.joints[f"forearm_{self.outfit.bag_side}"]
            top, bone, place, thin, long = mid - 0.2, f"forearm_{self.outfit.bag_side}", x, 0.022, 0.065
        else:
            top, bone, z, thin, long = 0.6, "pelvis", -0.01, 0.03, 0.075
            place = sign * (0.096 * self.girth + self.cloth / self.h + 0.02)
        profile: Profile = [
            (top, 0.0, 0.0, place, z),
            (top - 0.004, thin * 0.8 * size, long * 0.85 * size, place, z),
            (top - 0.05 * size, thin * size, long * size, place, z),
            (top - 0.12 * size, thin * size, long * size, place, z),
            (top - 0.13 * size, 0.0, 0.0, place, z),
        ]
        return self.patch(profile, fabric.sack(colour, self.h, self.rng), (bone,), power=3.5, density=0.8)
