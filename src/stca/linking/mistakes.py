"""Which persons of a linking are wrong, told by ground truth: merged, split, mixed, or missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stca.boxes import MotRow, overlaps
from stca.linking.linking import Linking
from stca.linking.scores import Rows, corners, rows_by_frame, unlinked
from stca.linking.tracks import mot_rows

LEAST_OVERLAP = 0.5
"""Intersection over union from which a box is of a true person, as in IDF1."""
MIXED = 0.2
"""A tracklet is of several people where a second one has at least this part of its boxes."""


@dataclass(frozen=True, slots=True)
class Mistakes:
    """True persons by their ids in the ground truth, linked ones by their numbers, tracklets by their keys.

    Args:
        merged: of a linked person who is several true ones: the tracklets of each.
        split: of a true person who is several linked ones: the tracklets of each.
        mixed: tracklets that hold several true persons: the part of the boxes of each.
        nobody: tracklets of which fewer than half of the boxes are of anybody.
        missed: true persons of whom there is no tracklet.

    """

    merged: Mapping[int, Mapping[int, Sequence[str]]]
    split: Mapping[int, Mapping[int, Sequence[str]]]
    mixed: Mapping[str, Mapping[int, float]]
    nobody: Sequence[str]
    missed: Sequence[int]

    def __str__(self) -> str:
        lines = [f"wrong merges: {len(self.merged)}"]
        for person, people in self.merged.items():
            lines.append(f"  person {person} is {_listed(people)}")
        lines.append(f"people with several numbers: {len(self.split)}")
        for true, persons in self.split.items():
            lines.append(f"  true person {true} is {_listed(persons)}")
        if self.mixed:
            lines.append(f"tracklets of several people: {len(self.mixed)}")
        for key, parts in self.mixed.items():
            lines.append(f"  {key}: " + ", ".join(f"{true} ({part:.0%})" for true, part in parts.items()))
        if self.nobody:
            lines.append(f"tracklets of nobody: {len(self.nobody)}: {', '.join(self.nobody)}")
        if self.missed:
            lines.append(f"people without a tracklet: {', '.join(map(str, self.missed))}")
        return "\n".join(lines)


def find_mistakes(linking: Linking, truth: Rows) -> Mistakes:
    """Compare a linking with ground truth, tracklet by tracklet.

    Args:
        linking: of a gallery whose tracklets have side files.
        truth: as for `stca.linking.scores.score_linking`, which checks both.

    """
    alone = unlinked(linking)
    keys = {number: group[0].key for number, group in alone.numbered()}
    persons = linking.numbers()
    boxes: Counter[int] = Counter()
    found: dict[int, Counter[int]] = {number: Counter() for number in keys}
    for camera, rows in mot_rows(alone).items():
        boxes.update(row.track for row in rows)
        for track, true in _matches(rows, truth.get(camera, ())):
            found[track][true] += 1
    merged: dict[int, dict[int, list[str]]] = {}
    split: dict[int, dict[int, list[str]]] = {}
    mixed: dict[str, dict[int, float]] = {}
    nobody = []
    for number, key in keys.items():
        if boxes[number] > 2 * found[number].total():
            nobody.append(key)
        elif boxes[number]:
            parts = {true: count / boxes[number] for true, count in found[number].most_common()}
            true, *others = parts
            merged.setdefault(persons[key], {}).setdefault(true, []).append(key)
            split.setdefault(true, {}).setdefault(persons[key], []).append(key)
            if others and parts[others[0]] >= MIXED:
                mixed[key] = {other: part for other, part in parts.items() if part >= MIXED or other == true}
    counted = {row.track for rows in truth.values() for row in rows if row.confidence > 0}
    return Mistakes(
        {person: people for person, people in merged.items() if len(people) > 1},
        {true: split[true] for true in sorted(split) if len(split[true]) > 1},
        mixed,
        nobody,
        sorted(counted - split.keys()),
    )


def _matches(rows: Sequence[MotRow], truth: Sequence[MotRow]) -> list[tuple[int, int]]:
    """(track, true person) for every box that overlaps with a true one, with that of the most overlap."""
    theirs = rows_by_frame([row for row in truth if row.confidence > 0])
    pairs = []
    for frame, mine in rows_by_frame(rows).items():
        if frame not in theirs:
            continue
        shared = overlaps(corners(mine), corners(theirs[frame]))
        best = np.argmax(shared, axis=1)
        pairs += [
            (row.track, theirs[frame][other].track)
            for row, other, most in zip(mine, best, shared.max(axis=1), strict=True)
            if most >= LEAST_OVERLAP
        ]
    return pairs


def _listed(groups: Mapping[int, Sequence[str]]) -> str:
    return "; ".join(f"{number} ({', '.join(keys)})" for number, keys in groups.items())
