"""What all parts of a body share: the skeleton, the sizes, and lofting a painted, hung-up patch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32

from stca.walkers.people.gait import BONES
from stca.walkers.people.looks import Build, Outfit
from stca.walkers.people.surfaces import Patch, Points, loft, waves

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


class Tailor:
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
