"""Data sets in numbers: what one holds, and what was published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from stca.protocols import Protocol, find_protocol
from stca.tracklets import Splits, Tracklet


@dataclass(frozen=True, slots=True)
class PartCounts:
    """One part of a data set in numbers; None: not known. Distractors and junk are no persons."""

    persons: int | None = None
    tracklets: int | None = None
    frames: int | None = None
    cameras: int | None = None
    lengths: tuple[int, float, int] | None = None

    @classmethod
    def of(cls, tracklets: Sequence[Tracklet]) -> PartCounts:
        """Count; `lengths` are the shortest, mean and longest number of frames."""
        frames = [len(t) for t in tracklets]
        return cls(
            len({t.person_id for t in tracklets if t.person_id > 0}),
            len(tracklets),
            sum(frames),
            len({t.camera_id for t in tracklets}),
            (min(frames), sum(frames) / len(frames), max(frames)) if frames else None,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """A data set in numbers: its parts, its notes, and per protocol the queries nothing can answer."""

    parts: Mapping[str, PartCounts] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    unanswered: Mapping[str, int] = field(default_factory=dict)

    def flat(self) -> dict[str, int]:
        """Every known number under a name of its own."""
        numbers = {
            f"{part}, {what}": getattr(part_counts, what)
            for part, part_counts in self.parts.items()
            for what in ("persons", "tracklets", "frames", "cameras")
        }
        numbers |= self.notes
        numbers |= {f"queries without an answer ({p})": number for p, number in self.unanswered.items()}
        return {what: number for what, number in numbers.items() if number is not None}


# MARS: the paper's table 1 and the protocol's own .mat files, lengths from these too. DukeMTMC-VideoReID: its
# README, frames as counted by others on the full set. iLIDS-VID, PRID2011: the usual splits, the same counts
# in each.
PUBLISHED: Mapping[str, Counts] = {
    "mars": Counts(
        {
            "train": PartCounts(625, 8298, 509914, 6, (5, 509914 / 8298, 900)),
            "query": PartCounts(626, 1980, 114493, 6, (2, 114493 / 1980, 880)),
            "gallery": PartCounts(620, 9330, 543216, 6, (3, 543216 / 9330, 920)),
        },
        {"junk tracklets left out": 870, "distractor tracklets in the gallery": 3248},
        {"mars-A": 140, "mars-B": 0},
    ),
    "duke_video": Counts(
        {
            "train": PartCounts(702, 2196, 369656, 8),
            "query": PartCounts(702, 702, 111848, 8),
            "gallery": PartCounts(1110, 2636, 445764, 8),
        },
        {"distractors in the gallery": 408},
    ),
    "ilids_vid": Counts(
        {
            "train": PartCounts(150, 300, None, 2),
            "query": PartCounts(150, 150, None, 1),
            "gallery": PartCounts(150, 150, None, 1),
        },
        {},
        {"ilids-vid": 0},
    ),
    "prid2011": Counts(
        {
            "train": PartCounts(89, 178, None, 2),
            "query": PartCounts(89, 89, None, 1),
            "gallery": PartCounts(89, 89, None, 1),
        },
        {},
        {"prid2011": 0},
    ),
}


def count(splits: Splits) -> Counts:
    """A data set in numbers."""
    parts = {"train": splits.train, "query": splits.query, "gallery": splits.gallery}
    return Counts(
        {part: PartCounts.of(tracklets) for part, tracklets in parts.items()},
        dict(splits.notes),
        {protocol: count_unanswered(splits, protocol) for protocol in splits.protocols},
    )


def count_unanswered(splits: Splits, protocol: str | Protocol) -> int:
    """Queries that nothing in the gallery answers by the protocol's rules; junk does not ask.

    Raises:
        RankingError: no such protocol.

    """
    rules = find_protocol(protocol)
    asking = [t for t in splits.query if t.person_id >= 0]
    gallery = splits.gallery + tuple(asking) if rules.queries_in_gallery else splits.gallery
    left_out = attrgetter("key" if rules.left_out == "itself" else "camera_id")
    shown: dict[int, set[object]] = defaultdict(set)
    for tracklet in gallery:
        if tracklet.person_id > 0:
            shown[tracklet.person_id].add(left_out(tracklet))
    return sum(not shown[t.person_id] - {left_out(t)} for t in asking)
