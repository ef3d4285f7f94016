"""From build and clothes to the surface of a whole person."""

from __future__ import annotations

from stca.walkers.people import limbs
from stca.walkers.people.extras import extras
from stca.walkers.people.heads import head_and_hair
from stca.walkers.people.looks import Build, Outfit
from stca.walkers.people.surfaces import Surface, sew
from stca.walkers.people.tailor import Tailor, skeleton

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
