"""What takes a gallery and its model: search for a tracklet that lies in a folder, calibrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stca.gallery.adding import crops_digest, record_of
from stca.gallery.calibration import Calibration, CalibrationSet, calibrate, labelled, relabel
from stca.gallery.embedding import embed
from stca.gallery.gallery import Gallery
from stca.gallery.records import Hit, Record
from stca.gallery.time_split import time_split_set
from stca.models import ReIDModel
from stca.ranking.open_set import OpenSet
from stca.tracks import FoundTracklet

Model = ReIDModel | Callable[[], ReIDModel]
"""The gallery's model, or what opens it: that is called only where something must be embedded."""


def search_tracklet(
    gallery: Gallery,
    model: Model,
    found: FoundTracklet,
    k: int = 10,
    *,
    cameras: Sequence[str] | None = None,
    time: tuple[float, float] | None = None,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 0,
) -> tuple[Record, list[Hit]]:
    """The tracklets most similar to one that lies in a folder.

    If the gallery has this very tracklet (its key and crops), the vector there does, and it is no answer.

    Args:
        gallery: to be searched.
        model: the gallery's.
        found: the query, as `stca.tracks.find_tracklets` finds it.
        k: how many answers at most.
        cameras: as `Gallery.search`.
        time: as `Gallery.search`.
        device: as `add_tracklets`, and what follows too.
        precision: of the network.
        batch_size: clips per forward pass.
        workers: processes that decode; for one tracklet, none is the fastest.

    Returns:
        what is known of the query, and the answers.

    Raises:
        GalleryError: as `Gallery.search`.
        DatasetError: crops that cannot be read.

    """
    own = gallery.get(found.key)
    if own is not None and own[0].content == crops_digest(found):
        return own[0], gallery.search(own[1], k, cameras=cameras, time=time, without=found.key)
    vectors = embed(
        gallery,
        _loaded(model),
        [found],
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    )
    return record_of(found), gallery.search(vectors[0], k, cameras=cameras, time=time)


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
    """Find the threshold for a false-accept rate, and keep it in the gallery.

    Who is who comes from `labels`; else from the tracklets' own, where some person has several and not all
    are one; else every tracklet is cut in two in time and embedded anew (`halves`).

    Args:
        gallery: that can be written.
        model: the gallery's; needed only for halves.
        far: the false-accept rate that is wanted, of searches for nobody.
        labels: person by key; a key that is not named has none.
        across: only compare tracklets of different cameras.
        device: as `add_tracklets`, and what follows too.
        precision: of the network.
        batch_size: clips per forward pass.
        workers: processes that decode.

    Raises:
        GalleryError: nobody is known to be the same, or nobody to be different; a label of no tracklet; a
            gallery that can only be read.
        RankingError: `far` is not between 0 and 1.

    """
    known_pairs = _by_labels(gallery, labels) or time_split_set(
        gallery,
        _loaded(model),
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    )
    calibration, searches = calibrate(known_pairs, far=far, across=across)
    gallery.set_calibration(calibration)
    return calibration, searches


def _by_labels(gallery: Gallery, labels: Mapping[str, int] | None) -> CalibrationSet | None:
    """By those that are given, or the tracklets' own; None where these say nothing."""
    records, vectors = gallery.table()
    if labels is not None:
        return labelled(relabel(records, dict(labels)), vectors)
    known = [record.label for record in records if record.label is not None]
    return labelled(records, vectors) if 1 < len(set(known)) < len(known) else None


def _loaded(model: Model) -> ReIDModel:
    return model if isinstance(model, ReIDModel) else model()
