"""A gallery's tracklets cut in two: pairs that are known to be one person, without labels."""

from __future__ import annotations

import numpy as np

from stca.errors import DatasetError, GalleryError
from stca.gallery.calibration import Judged
from stca.gallery.embedding import embed_in_parts
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.models import ReIDModel
from stca.tracks import FoundTracklet, find_tracklets

_LEAST_FRAMES = 4


def halves(
    gallery: Gallery,
    model: ReIDModel,
    *,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
    limit: int = 5000,
) -> Judged:
    """The gallery's tracklets cut in two in time, each half a tracklet of its own, embedded anew.

    A half has its whole tracklet's times: the later half of one and the earlier half of another are of
    different people where the wholes were seen at the same time.

    Args:
        gallery: whose tracklets have their crops where they were.
        model: the gallery's.
        device: "auto", "cpu" or "cuda".
        precision: as `add_tracklets`.
        batch_size: clips per forward pass.
        workers: processes that decode.
        limit: so many tracklets at most, spread evenly.

    Raises:
        GalleryError: no tracklet is long enough, or none has its crops any more.

    """
    chosen = _long_enough(gallery, limit)
    cut = [half for _, found in chosen for half in _cut(found)]
    parts = embed_in_parts(
        gallery,
        model,
        cut,
        label="embed halves",
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    )
    vectors = np.concatenate([vectors for _, vectors in parts])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Judged(
        tuple(record for record, _ in chosen for _ in range(2)),
        vectors,
        np.repeat(np.arange(len(chosen), dtype=np.int64), 2),
        complete=False,
    )


def _long_enough(gallery: Gallery, limit: int) -> list[tuple[Record, FoundTracklet]]:
    chosen: list[tuple[Record, FoundTracklet]] = []
    records = [record for record in gallery.records() if record.first is not None]
    for record in records[:: max(1, -(-len(records) // limit))]:
        found = pictures(record)
        if found is not None and len(found.frames) >= 2 * _LEAST_FRAMES:
            chosen.append((record, found))
    if not chosen:
        raise GalleryError(
            "No tracklet of the gallery can be cut in two",
            expected=f"times, and at least {2 * _LEAST_FRAMES} crops where they were when it was added",
            found=f"{len(gallery)} tracklets, {len(records)} with times",
            where=gallery.path,
            hint="--labels FILE.csv with columns key,person",
        )
    return chosen


def _cut(found: FoundTracklet) -> tuple[FoundTracklet, FoundTracklet]:
    middle = len(found.frames) // 2
    first, second = found.frames[:middle], found.frames[middle:]
    return (
        FoundTracklet(f"{found.key}, first half", found.folder, found.camera, first, None),
        FoundTracklet(f"{found.key}, second half", found.folder, found.camera, second, None),
    )


def pictures(record: Record) -> FoundTracklet | None:
    """A record's crops; None where they are not there any more."""
    if record.folder is None:
        return None
    try:
        return next((f for f in find_tracklets(record.folder) if f.folder == record.folder), None)
    except DatasetError:
        return None
