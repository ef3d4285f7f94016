"""Split a gallery's tracklets into halves: pairs of one person, without labels."""

from __future__ import annotations

import numpy as np

from stca.errors import GalleryError
from stca.gallery.adding import find_crops
from stca.gallery.calibration import CalibrationSet
from stca.gallery.embedding import EmbedOptions, embed_in_batches
from stca.gallery.gallery import Gallery
from stca.gallery.records import Record
from stca.models import ReIDModel
from stca.tracks import FoundTracklet

_LEAST_FRAMES = 4


def time_split_set(
    gallery: Gallery,
    model: ReIDModel,
    *,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
    limit: int = 5000,
) -> CalibrationSet:
    """Split the gallery's tracklets at the middle of their frames and embed the halves.

    Each half keeps the times of the whole tracklet, so that halves of two tracklets that overlap in time are
    known to be different people.

    Args:
        gallery: whose crops are still in the folders they were added from; hidden tracklets are left out.
        model: the gallery's model.
        device: "auto", "cpu" or "cuda".
        precision: as `add_tracklets`.
        batch_size: clips per forward pass.
        workers: number of decoding processes.
        limit: maximum number of tracklets, spread evenly over the gallery.

    Raises:
        GalleryError: no tracklet has times and enough crops that still exist.

    """
    options = EmbedOptions(device=device, precision=precision, batch_size=batch_size, workers=workers)
    chosen = _splittable(gallery, limit)
    cut = [half for _, found in chosen for half in _split(found)]
    batches = embed_in_batches(gallery, model, cut, options, label="embed halves of tracklets")
    vectors = np.concatenate([vectors for _, vectors in batches])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return CalibrationSet(
        tuple(record for record, _ in chosen for _ in range(2)),
        vectors,
        np.repeat(np.arange(len(chosen), dtype=np.int64), 2),
        complete=False,
    )


def _splittable(gallery: Gallery, limit: int) -> list[tuple[Record, FoundTracklet]]:
    chosen: list[tuple[Record, FoundTracklet]] = []
    hidden = gallery.hidden()
    records = [r for r in gallery.records() if r.first is not None and r.key not in hidden]
    for record in records[:: max(1, -(-len(records) // limit))]:
        found = find_crops(record)
        if found is not None and len(found.frames) >= 2 * _LEAST_FRAMES:
            chosen.append((record, found))
    if not chosen:
        raise GalleryError(
            "No tracklet of the gallery can be split into halves",
            expected=f"times, and at least {2 * _LEAST_FRAMES} crops in the folder they were added from",
            found=f"{len(gallery)} tracklets, {len(records)} with times",
            where=gallery.where,
            hint="--labels FILE.csv with columns key,person",
        )
    return chosen


def _split(found: FoundTracklet) -> tuple[FoundTracklet, FoundTracklet]:
    middle = len(found.frames) // 2
    first, second = found.frames[:middle], found.frames[middle:]
    return (
        FoundTracklet(f"{found.key}, first half", found.folder, found.camera, first, None),
        FoundTracklet(f"{found.key}, second half", found.folder, found.camera, second, None),
    )
