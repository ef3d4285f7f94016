"""Rank-1 and mAP on the three validation sets, of some of their people, quickly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from stca.clips.transforms import Draw, Transform
from stca.datasets import load_dataset
from stca.footage.images import read_image
from stca.ranking import rank
from stca.tracklets import Embeddings, Tracklet

SETS = {"viper": "viper", "grid": "grid", "prid": "prid2011_single_shot"}
Embed = Callable[[UInt8[np.ndarray, "B H W 3"]], Float32[np.ndarray, "B D"]]


class Figures(NamedTuple):
    """Fractions of 1."""

    rank1: float
    mean_ap: float


class ValidationSets:
    """The sets' pictures in memory, at the size that a network reads.

    Args:
        shared: the folder with `reid_sets/`.
        size: (H, W) of the pictures.
        persons: of whom there are two cameras, as many of a set; and of the others as many pictures. Small
            galleries make for high figures: good to follow a training by, and nothing else.

    """

    def __init__(self, shared: Path, size: tuple[int, int], *, persons: int) -> None:
        self._galleries: dict[str, list[Tracklet]] = {}
        self._pictures: dict[str, UInt8[np.ndarray, "N H W 3"]] = {}
        shrink = Transform(size)
        for name, folder in SETS.items():
            gallery = _some(load_dataset("folder", shared / "reid_sets" / folder).gallery, persons)
            self._galleries[name] = gallery
            self._pictures[name] = np.stack([shrink(read_image(t.frames[0]), Draw()) for t in gallery])

    def score(self, embed: Embed) -> dict[str, tuple[Figures, Figures]]:
        """For each set: by `cross-camera`, and against pictures of other cameras only."""
        return {name: self._score(name, embed) for name in self._galleries}

    def _score(self, name: str, embed: Embed) -> tuple[Figures, Figures]:
        gallery, pictures = self._galleries[name], self._pictures[name]
        vectors = np.concatenate([embed(pictures[i : i + 64]) for i in range(0, len(pictures), 64)])
        embedded = Embeddings(
            vectors.astype(np.float32),
            np.array([t.person_id for t in gallery]),
            np.array([t.camera_id for t in gallery]),
            tuple(t.key for t in gallery),
        )
        both = rank(embedded, embedded, protocol="cross-camera")
        return Figures(float(both.cmc[0]), both.mean_ap), other_cameras(embedded)


def _some(gallery: Sequence[Tracklet], persons: int) -> list[Tracklet]:
    """Every n-th of those with two cameras, and every n-th of the rest."""
    cameras: dict[int, set[int]] = {}
    for tracklet in gallery:
        cameras.setdefault(tracklet.person_id, set()).add(tracklet.camera_id)
    twice = sorted(person for person, seen in cameras.items() if person > 0 and len(seen) > 1)
    rest = [t for t in gallery if t.person_id not in set(twice)]
    kept = set(twice[:: max(1, len(twice) // persons)])
    return [t for t in gallery if t.person_id in kept] + rest[:: max(1, len(rest) // persons)]


def other_cameras(embedded: Embeddings) -> Figures:
    """Everybody asks; the gallery of each is what the other cameras saw."""
    found = []
    for camera in np.unique(embedded.camera_ids):
        here = embedded.camera_ids == camera
        query, gallery = embedded.subset(np.flatnonzero(here)), embedded.subset(np.flatnonzero(~here))
        if not np.isin(query.person_ids[query.person_ids > 0], gallery.person_ids).any():
            continue  # a camera that saw nobody whom another one saw
        found.append(rank(query, gallery, protocol="cross-camera"))
    first = np.concatenate([metrics.first_match for metrics in found])
    precision = np.concatenate([metrics.average_precision for metrics in found])
    return Figures(float((first == 1).mean()), float(precision.mean()))


def watched(scores: dict[str, tuple[Figures, Figures]]) -> float:
    """Mean mAP over the sets against other cameras only, in percent: one number to watch."""
    return float(np.mean([100 * figures[1].mean_ap for figures in scores.values()]))
