"""Vectors of tracklets in the way a gallery's own were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
from jaxtyping import Float32

from stca.embedding import Embedder, open_embedder
from stca.errors import ConfigError
from stca.gallery.gallery import Gallery
from stca.models import ReIDModel
from stca.tools.progress import progress
from stca.tracklets import Tracklet
from stca.tracks import FoundTracklet

_AT_ONCE = 128


def embed(
    gallery: Gallery,
    model: ReIDModel,
    tracklets: Sequence[FoundTracklet],
    *,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
) -> Float32[np.ndarray, "N D"]:
    """One vector per tracklet, in the way the gallery's own were made.

    Raises:
        DatasetError: a tracklet without any readable frame.
        ConfigError: int8.

    """
    asked = _as_tracklets(tracklets)
    with _open(gallery, model, asked, device, precision) as embedder:
        return embedder.embed(asked, batch_size=batch_size, workers=workers, label="").vectors


def _as_tracklets(tracklets: Sequence[FoundTracklet]) -> list[Tracklet]:
    return [Tracklet(found.frames, 0, 0, found.key) for found in tracklets]


def _open(
    gallery: Gallery, model: ReIDModel, tracklets: Sequence[Tracklet], device: str, precision: str
) -> AbstractContextManager[Embedder]:
    if precision == "int8":
        raise ConfigError(
            "A gallery's vectors are not computed in int8",
            expected="float32, bf16 or auto",
            found="int8, whose scales each search would choose anew, by the query",
            hint="precision=bf16",
        )
    return open_embedder(
        model,
        tracklets,
        clip_len=gallery.fingerprint.clip_len or None,
        neck=gallery.fingerprint.neck,
        device=device,
        precision=precision,
    )


def embed_in_batches(
    gallery: Gallery,
    model: ReIDModel,
    tracklets: list[FoundTracklet],
    *,
    label: str,
    device: str,
    precision: str,
    batch_size: int,
    workers: int,
) -> Iterator[tuple[list[FoundTracklet], Float32[np.ndarray, "n D"]]]:
    """Some at a time and their vectors, all by one runtime, which is opened once."""
    if not tracklets:
        return
    with _open(gallery, model, _as_tracklets(tracklets), device, precision) as embedder:
        parts = [tracklets[start : start + _AT_ONCE] for start in range(0, len(tracklets), _AT_ONCE)]
        for part in progress(parts, label=label):
            embedded = embedder.embed(_as_tracklets(part), batch_size=batch_size, workers=workers, label="")
            yield part, embedded.vectors
