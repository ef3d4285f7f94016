"""From build and clothes to the surface of a whole person."""

from __future__ import annotations

from stca.datasets.walkers import limbs
from stca.datasets.walkers.extras import extras
from stca.datasets.walkers.heads import head_and_hair
from stca.datasets.walkers.looks import Build, Outfit
from stca.datasets.walkers.surfaces import Surface, sew
from stca.datasets.walkers.tailor import Tailor, skeleton

__all__ = ["dress", "skeleton"]


def dress(build: Build, outfit: Outfit, *, spacing: float) -> Surface:
    """The surface of a dressed person.

    Args:
        build: size and proportions.
        outfit: clothes, hair, bags.
        spacing: metres between surface points; three quarters of a pixel is enough.

    """
    tailor = Tailor(build, outfit, spacing)
    patches = [limbs.torso(tailor), *head_and_hair(tailor)]
    for side in ("l", "r"):
        patches += [part(tailor, side) for part in (limbs.leg, limbs.shoe, limbs.arm, limbs.hand)]
    return sew([*patches, *extras(tailor)])
