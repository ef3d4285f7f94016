"""What was decided about a tracklet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stca.watch.people.sightings import Sighting

Reason = Literal[
    "new", "match", "better match", "no longer alike", "merged", "corrected", "joined", "withdrawn"
]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who a tracklet is, from now on.

    Args:
        key: the tracklet's.
        camera: its name.
        person: None: nobody, it was withdrawn.
        before: the person that was said before; None: this is the first decision.
        reason: why.
        score: mean cosine to the person's other tracklets; None where there is none, or people said it.
        like: the most similar of these.
        into: the tracklet that it is a part of, where tracking joined it.

    """

    key: str
    camera: str
    person: int | None
    before: int | None
    reason: Reason
    score: float | None = None
    like: Sighting | None = None
    into: str | None = None
