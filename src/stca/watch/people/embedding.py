"""Vectors of tracklets of all cameras in shared batches."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stca.embedding import Embedder, open_embedder
from stca.errors import DatasetError, GalleryError
from stca.gallery import Gallery
from stca.gallery.embedding import EmbedOptions
from stca.gallery.unit_vectors import unit_vectors, vector_lengths
from stca.models import ReIDModel
from stca.tracklets import Tracklet
from stca.watch.people.sightings import Vector

_FRAMES = 1_000_000
"""That will come, so that a conversion of the network pays."""


class SharedEmbedder:
    """Embeds tracklets of all cameras together.

    Args:
        embedder: opened with the gallery's model.
        gallery: whose vectors they are compared with.
        batch_size: clips per forward pass.

    """

    def __init__(self, embedder: Embedder, gallery: Gallery, batch_size: int = 16) -> None:
        self._embedder, self._gallery, self._batch_size = embedder, gallery, batch_size

    @property
    def clip_len(self) -> int:
        """T."""
        return self._embedder.clip_len

    def embed(self, crops: Mapping[str, Sequence[Path]]) -> dict[str, Vector]:
        """As `means`, of unit length."""
        found = {key: unit_vector(mean) for key, mean in self.means(crops).items()}
        return {key: vector for key, vector in found.items() if vector is not None}

    def means(self, crops: Mapping[str, Sequence[Path]]) -> dict[str, Vector]:
        """Means over dense clips by key; without those whose crops cannot be read, for they have moved.

        Args:
            crops: by key.

        """
        there = {key: tuple(path for path in paths if path.is_file()) for key, paths in crops.items()}
        tracklets = [Tracklet(paths, 0, 0, key) for key, paths in there.items() if paths]
        if not tracklets:
            return {}
        try:
            return self._embed(tracklets)
        except (DatasetError, GalleryError):
            found = {}
            for tracklet in tracklets:
                try:
                    found.update(self._embed([tracklet]))
                except (DatasetError, GalleryError) as error:
                    if not any(map(Path.is_file, tracklet.frames)):
                        continue  # they have moved meanwhile, and are told again
                    print(f"warning: {tracklet.key}: {error.what}", file=sys.stderr)
            return found

    def _embed(self, tracklets: list[Tracklet]) -> dict[str, Vector]:
        found = self._embedder.embed(tracklets, batch_size=self._batch_size, workers=0, label="")
        vector_lengths(
            found.vectors, dim=self._gallery.fingerprint.dim, where=self._gallery.where
        )  # or raise
        return {tracklet.key: vector for tracklet, vector in zip(tracklets, found.vectors, strict=True)}


def unit_vector(vector: Float[np.ndarray, " D"]) -> Vector | None:
    """A vector of unit length, scaled as the gallery does; None where a sum has no direction."""
    try:
        unit: Vector = unit_vectors(vector.astype(np.float32)[None], dim=len(vector), where="a tracklet")[0]
    except GalleryError:
        return None
    return unit


@contextmanager
def shared_embedder(
    gallery: Gallery, model: ReIDModel, *, device: str, precision: str
) -> Iterator[SharedEmbedder]:
    """An embedder that makes vectors as the gallery's are, opened once."""
    options = EmbedOptions(device=device, precision=precision)
    with open_embedder(
        model,
        (),
        clip_len=gallery.fingerprint.clip_len or None,
        neck=gallery.fingerprint.neck,
        device=options.device,
        precision=options.precision,
        frames=_FRAMES,
    ) as embedder:
        yield SharedEmbedder(embedder, gallery, options.batch_size)
