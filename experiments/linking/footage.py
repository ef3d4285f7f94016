"""Footage with known identities, and the errors of a linking."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from stca.boxes import MotRow
from stca.embedding import embed_tracklets
from stca.gallery import Record, record_of
from stca.linking.constraints import Travel
from stca.linking.linking import Linking, link
from stca.runs import open_model
from stca.tracklets import Embeddings, Tracklet
from stca.tracks import TrackRecord, find_tracklets

FRAMES = 12  # per tracklet, evenly spaced
THRESHOLDS = np.round(np.arange(0.20, 0.991, 0.01), 2)


@dataclasses.dataclass(frozen=True)
class Footage:
    """Tracklets with known identities, and the boxes they were made from."""

    records: list[Record]
    frames: list[tuple[Path, ...]]
    person: dict[str, int]
    truth: Mapping[str, Sequence[MotRow]]
    travel: Travel | None

    def unlinked(self) -> Linking:
        """The linking in which every tracklet is a person of its own."""
        return Linking(tuple((record,) for record in self.records), 1.0)


def footage_of(
    tracks: Path, person_of: Callable[[TrackRecord], int], truth: Mapping, travel: Travel | None
) -> Footage:
    found = find_tracklets(tracks)
    persons = {t.key: person_of(t.record) for t in found}
    records = [dataclasses.replace(record_of(t), person=None, label=None) for t in found]
    frames = [t.frames for t in found]
    return Footage(records, frames, persons, truth, travel)


def embed(model: str, footage: Footage, cache: Path) -> np.ndarray:
    """One embedding per tracklet, from `FRAMES` of its crops; cached in a file."""
    path = cache / f"{name_of(model)}-{FRAMES}.npz"
    if path.exists():
        return Embeddings.load(path).vectors
    tracklets = []
    for record, frames in zip(footage.records, footage.frames, strict=True):
        chosen = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
        tracklets.append(Tracklet(tuple(frames[i] for i in chosen), 1, 1, record.key))
    vectors = embed_tracklets(open_model(model), tracklets, workers=0, label=Path(model).name)
    vectors.save(path)
    return vectors.vectors


def pairs(footage: Footage, linking: Linking) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of tracklets that were wrongly linked, and pairs that should have been linked."""
    person, wrong, missed = linking.numbers(), [], []
    for a, b in combinations(sorted(person), 2):
        together, same = person[a] == person[b], footage.person[a] == footage.person[b]
        if together and not same:
            wrong.append((a, b))
        elif same and not together:
            missed.append((a, b))
    return wrong, missed


def f1(footage: Footage, linking: Linking) -> float:
    """F1 over pairs of tracklets: harmonic mean of precision and recall of the linked pairs."""
    wrong, missed = pairs(footage, linking)
    groups = [len(group) for group in linking.persons]
    right = sum(n * (n - 1) // 2 for n in groups) - len(wrong)
    return 2 * right / max(1, 2 * right + len(wrong) + len(missed))


def sweep(footage: Footage, vectors: np.ndarray) -> list[Linking]:
    return [link(footage.records, vectors, threshold=float(t), travel=footage.travel) for t in THRESHOLDS]


def best(footage: Footage, linkings: Sequence[Linking]) -> float:
    """The middle of the thresholds with the best F1 over pairs."""
    values = np.array([f1(footage, linking) for linking in linkings])
    return float(np.median(THRESHOLDS[values >= values.max() - 1e-9]))


def at(linkings: Sequence[Linking], threshold: float) -> Linking:
    return linkings[int(np.abs(THRESHOLDS - threshold).argmin())]


def all_pairs(footage: Footage) -> int:
    counts = np.unique(list(footage.person.values()), return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def name_of(model: str) -> str:
    return Path(model).stem
