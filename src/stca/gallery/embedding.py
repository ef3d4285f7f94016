"""Embed tracklets the way a gallery's own vectors were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from stca.embedding import Embedder, open_embedder
from stca.errors import ConfigError
from stca.gallery.gallery import Gallery
from stca.models import ReIDModel
from stca.tools.progress import counting
from stca.tracklets import Tracklet
from stca.tracks import FoundTracklet

_BATCH = 128
"""Tracklets per commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedOptions:
    """How to compute embeddings.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto"; not "int8".
        batch_size: clips per forward pass.
        workers: number of decoding processes.

    Raises:
        ConfigError: int8.

    """

    device: str = "auto"
    precision: str = "float32"
    batch_size: int = 16
    workers: int = 2

    def __post_init__(self) -> None:
        if self.precision == "int8":
            raise ConfigError(
                "A gallery's vectors are not computed in int8",
                expected="float32, bf16 or auto",
                found="int8, whose quantisation scales would depend on each query",
                hint="precision=bf16",
            )


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
    """One vector per tracklet, comparable with the gallery's own.

    Args:
        gallery: whose clip length and neck are used.
        model: the gallery's model.
        tracklets: N.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: number of decoding processes.

    Raises:
        DatasetError: a tracklet without any readable frame.
        ConfigError: int8.

    """
    options = EmbedOptions(device=device, precision=precision, batch_size=batch_size, workers=workers)
    inputs = _as_tracklets(tracklets)
    with _open(gallery, model, inputs, options) as embedder:
        return embedder.embed(inputs, batch_size=batch_size, workers=workers, label="").vectors


def embed_in_batches(
    gallery: Gallery, model: ReIDModel, tracklets: list[FoundTracklet], options: EmbedOptions, *, label: str
) -> Iterator[tuple[list[FoundTracklet], Float32[np.ndarray, "n D"]]]:
    """Batches of 128 tracklets with their vectors; the runtime is opened once.

    `label` names the progress, which counts frames or clips: a batch of long tracklets takes minutes.
    """
    if not tracklets:
        return
    inputs = _as_tracklets(tracklets)
    with _open(gallery, model, inputs, options) as embedder:
        unit = "frames" if model.frame_by_frame else "clips"
        with counting(label=f"{label}, {unit}", total=embedder.amount(inputs)) as advance:
            for start in range(0, len(tracklets), _BATCH):
                embedded = embedder.embed(
                    inputs[start : start + _BATCH],
                    batch_size=options.batch_size,
                    workers=options.workers,
                    label="",
                    watch=advance,
                )
                yield tracklets[start : start + _BATCH], embedded.vectors


def _as_tracklets(tracklets: Sequence[FoundTracklet]) -> list[Tracklet]:
    return [Tracklet(found.frames, 0, 0, found.key) for found in tracklets]


def _open(
    gallery: Gallery, model: ReIDModel, tracklets: Sequence[Tracklet], options: EmbedOptions
) -> AbstractContextManager[Embedder]:
    return open_embedder(
        model,
        tracklets,
        clip_len=gallery.fingerprint.clip_len or None,
        neck=gallery.fingerprint.neck,
        device=options.device,
        precision=options.precision,
    )
