"""Operations that need a gallery and its model: search for a new tracklet, calibrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stca.errors import GalleryError
from stca.gallery.adding import crops_digest, record_of
from stca.gallery.calibration import Calibration, CalibrationSet, calibrate, labelled, relabel
from stca.gallery.calibration.corrected import corrected, corrections_alone, suffices
from stca.gallery.corrections import Resolved, labelled_pairs, resolve
from stca.gallery.embedding import embed
from stca.gallery.gallery import Gallery
from stca.gallery.records import Hit, Record
from stca.gallery.time_split import time_split_set
from stca.models import ReIDModel
from stca.ranking.open_set import OpenSet
from stca.tracks import FoundTracklet

Model = ReIDModel | Callable[[], ReIDModel]
"""The gallery's model, or a function that opens it, called only if something must be embedded."""


def search_tracklet(
    gallery: Gallery,
    model: Model,
    found: FoundTracklet,
    k: int = 10,
    *,
    cameras: Sequence[str] | None = None,
    time: tuple[float, float] | None = None,
    hidden: bool = False,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 0,
) -> tuple[Record, list[Hit]]:
    """Search for the tracklets most similar to a query that is given by its crops.

    If the gallery has the same tracklet (key and crops), its vector is used, it is not among the hits, and
    those that its camera saw at the same time are marked (`Hit.at_once`). Of others nobody knows whether
    their times are of the same day.

    Args:
        gallery: the gallery to search.
        model: the gallery's model, or a function that opens it.
        found: the query, from `stca.tracks.find_tracklets` or `open_query`.
        k: maximum number of hits.
        cameras: as `Gallery.search`.
        time: as `Gallery.search`.
        hidden: as `Gallery.search`.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: number of decoding processes; 0 is fastest for one tracklet.

    Returns:
        the query's record, and the hits.

    Raises:
        GalleryError: as `Gallery.search`.
        DatasetError: crops that cannot be read.

    """
    filters: dict[str, Any] = {"cameras": cameras, "time": time, "hidden": hidden}
    own = gallery.get(found.key)
    if own is not None and own[0].content == crops_digest(found):
        return own[0], gallery.search(own[1], k, queries=(own[0],), **filters)
    vectors = embed(
        gallery,
        _loaded(model),
        [found],
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    )
    return record_of(found), gallery.search(vectors[0], k, **filters)


def search_several(
    gallery: Gallery,
    records: Sequence[Record],
    k: int = 10,
    *,
    cameras: Sequence[str] | None = None,
    time: tuple[float, float] | None = None,
    hidden: bool = False,
) -> list[Hit]:
    """Search for a person of whom the gallery has several tracklets, by the mean cosine with all of them.

    None of these is among the hits; those that a camera saw together with one of them are marked
    (`Hit.at_once`).

    Args:
        gallery: the gallery to search.
        records: one and more of the gallery.
        k: as `Gallery.search`.
        cameras: as `Gallery.search`.
        time: as `Gallery.search`.
        hidden: as `Gallery.search`.

    Raises:
        GalleryError: none of these tracklets is in the gallery; as `Gallery.search`.

    """
    own, vectors = gallery.take([record.key for record in records])
    if not own:
        raise GalleryError("None of these tracklets is in the gallery", where=gallery.where)
    mean = vectors.mean(axis=0)
    length = float(np.linalg.norm(mean))  # `search` gives cosines with the mean, of unit length
    hits = gallery.search(mean, k, cameras=cameras, time=time, hidden=hidden, queries=own)
    return gallery.rated([(hit.record, length * hit.score) for hit in hits], queries=own)


def calibrate_gallery(
    gallery: Gallery,
    model: Model,
    *,
    far: float = 0.01,
    labels: Mapping[str, int] | None = None,
    across: bool = False,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
) -> tuple[Calibration, OpenSet]:
    """Find the threshold for a false-accept rate, and store it in the gallery.

    Who is who comes from `labels`; else from the tracklets' own labels, if there are at least two persons
    and one of them has several tracklets; else from corrections by people alone, if they make 30 searches
    for people in the gallery and 1 / `far` for people not in it; else each tracklet is split in two and
    embedded again (`time_split_set`). Corrections overrule labels and halves; `Calibration.note` says what
    was used and why. Hidden tracklets are left out.

    Args:
        gallery: a writable gallery.
        model: the gallery's model, or a function that opens it; used only to split tracklets.
        far: false-accept rate, the fraction of searches for people not in the gallery that give a hit.
        labels: person by key; keys not named have none.
        across: compare only tracklets of different cameras.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: number of decoding processes.

    Raises:
        GalleryError: no pair is known to be one person, or none to be different people; a label without a
            tracklet; a read-only gallery.
        RankingError: `far` is not between 0 and 1.

    """
    said = _what_is_said(gallery, labels, far=far, across=across)
    known_pairs, note = said.known_pairs, said.note
    if known_pairs is None:
        known_pairs, note = _with_halves(
            gallery,
            _loaded(model),
            said,
            device=device,
            precision=precision,
            batch_size=batch_size,
            workers=workers,
        )
    calibration, searches = calibrate(known_pairs, far=far, across=across)
    if known_pairs.method == "corrections":
        note += (
            f": a search met {calibration.rows} of them, the gallery has {len(known_pairs.records)} tracklets"
        )
    calibration = replace(calibration, corrections=said.corrections, note=note)
    gallery.set_calibration(calibration)
    return calibration, searches


def why_halves(
    gallery: Gallery,
    *,
    labels: Mapping[str, int] | None = None,
    far: float = 0.01,
    across: bool = False,
) -> str | None:
    """Why `calibrate_gallery` would cut each tracklet in two; None: it would not.

    Args:
        gallery: as the other ones, of `calibrate_gallery`.
        labels: person by key.
        far: false-accept rate.
        across: compare only tracklets of different cameras.

    """
    said = _what_is_said(gallery, labels, far=far, across=across)
    return None if said.known_pairs is not None else said.note or "there are neither labels nor corrections"


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What labels and corrections say about who is who.

    Args:
        known_pairs: None where that is not enough for a threshold.
        resolved: the corrections together.
        corrections: number of pairs in them.
        note: what was used, and why.

    """

    known_pairs: CalibrationSet | None
    resolved: Resolved
    corrections: int
    note: str


def _what_is_said(gallery: Gallery, labels: Mapping[str, int] | None, *, far: float, across: bool) -> _Said:
    hidden, log = gallery.hidden(), gallery.corrections()
    records, vectors = gallery.table()
    if labels is not None:
        records = relabel(records, dict(labels))
    shown = np.array([record.key not in hidden for record in records], dtype=bool)
    records, vectors = [record for record in records if record.key not in hidden], vectors[shown]
    known = [record.label for record in records if record.label is not None]
    by_labels = labels is not None or 1 < len(set(known)) < len(known)
    resolved, pairs = resolve(log), labelled_pairs(log)
    same = sum(pair.same for pair in pairs)
    judged = f"pairs judged by people ({same} of one person, {len(pairs) - same} of different people)"
    if by_labels:
        known_pairs = labelled(records, vectors)
        if not pairs:
            return _Said(known_pairs, resolved, 0, "")
        note = f"{judged} came before the labels"
        return _Said(corrected(known_pairs, resolved), resolved, len(pairs), note)
    if not pairs:
        return _Said(None, resolved, 0, "")
    alone = corrections_alone(records, vectors, resolved)
    enough, words = suffices(alone, far=far, across=across)
    if not enough:
        return _Said(None, resolved, len(pairs), f"{judged} came first, but give {words}")
    note = (
        f"{judged} suffice. Known to be different are these, who look more alike than most, and "
        "tracklets that one camera saw at once"
    )
    return _Said(alone, resolved, len(pairs), note)


def _with_halves(
    gallery: Gallery, model: ReIDModel, said: _Said, **embedding: Any
) -> tuple[CalibrationSet, str]:
    """Halves of tracklets, overruled by corrections where there are any; and the note."""
    try:
        halves = time_split_set(gallery, model, **embedding)
    except GalleryError as error:
        if not said.corrections:
            raise
        hint = "more corrections, or --labels FILE.csv with columns key,person"
        found = f"{error.found}; {said.note}"
        raise GalleryError(
            error.what, expected=error.expected, found=found, where=error.where, hint=hint
        ) from error
    if not said.corrections:
        return halves, ""
    return corrected(halves, said.resolved), f"{said.note}. Halves of tracklets were used too"


def _loaded(model: Model) -> ReIDModel:
    return model if isinstance(model, ReIDModel) else model()
