"""A gallery and its model: the one that is named, the one it was made with, or the best at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from stca.catalogue import NETWORKS, best
from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint
from stca.inference.crop_encoder import ModelEncoder, open_crop_encoder
from stca.models import DEFAULT_PRETRAINED, ReIDModel
from stca.models.weights.pretrained import DEFAULT_MEASURED
from stca.runs.open_model import is_path, open_model

STRONGEST = max((n for n in NETWORKS.values() if n.kind == "reid"), key=lambda n: n.strength)
"""The re-identification network of the catalogue that the package's own is compared with."""


def open_gallery(path: Path | str, name: str | None) -> tuple[Gallery, ReIDModel]:
    """Open a gallery to add to, made if there is none, and its model.

    Args:
        path: the gallery's folder or address.
        name: of the model, as `open_model` takes it; None: the one that the gallery was made with, or for a
            new one `default_model()`, which is said on stderr.

    Raises:
        GalleryError: the gallery was made by another model, does not name its model, or cannot be opened.
        CheckpointError, ConfigError: the model cannot be opened.

    """
    name = choose_model(path, name)
    model = open_model(name)
    return Gallery.open(path, model=model, source=lasting_name(name)), model


def choose_model(path: Path | str, name: str | None) -> str:
    """The name of the model that `open_gallery` opens; a default is said on stderr."""
    if name is None and Gallery.exists(path):
        with Gallery.open(path) as gallery:
            return model_name(gallery)
    if name is None:
        name = default_model()
        print(describe_default(name), file=sys.stderr)
    return name


def open_encoder(
    model: ReIDModel, *, device: str = "auto", precision: str = "auto", batch_size: int = 16
) -> AbstractContextManager[ModelEncoder]:
    """A model that tells `stca.tracking` where a track changes its person; see `open_crop_encoder`."""
    fingerprint = ModelFingerprint.of(model)
    name = f"{fingerprint.name} {fingerprint.weights[:12]}"
    return open_crop_encoder(model, name, device=device, precision=precision, batch_size=batch_size)


def gallery_model(gallery: Gallery, name: str | None) -> ReIDModel | Callable[[], ReIDModel]:
    """The named model, which must be the gallery's; else a function that opens the gallery's own.

    Raises:
        GalleryError: the named model is not the one that made the gallery's vectors.
        CheckpointError, ConfigError: the model cannot be opened.

    """

    def opened() -> ReIDModel:
        model = open_model(name or model_name(gallery))
        gallery.require_model(model)
        return model

    return opened() if name else opened


def model_name(gallery: Gallery) -> str:
    """The name of the model that a gallery was made with, for `open_model`.

    Raises:
        GalleryError: the gallery does not name it.

    """
    if gallery.source is None:
        raise GalleryError("This gallery does not name its model", where=gallery.where, hint="--model MODEL")
    if gallery.source == "pretrained":  # as version 0.1 wrote it; the package's default is another one today
        return f"pretrained:{gallery.fingerprint.name}"
    return gallery.source


def default_model() -> str:
    """The strongest re-identification network that was fetched (`stca weights get`), else the package's."""
    fetched = best("reid")
    return fetched.name if fetched else "pretrained"


def describe_default(name: str) -> str:
    """What `default_model` chose, and what else there is."""
    if name in NETWORKS:
        return f"model: {name}, the strongest that was fetched (--model pretrained: the package's own)"
    words = f"model: {DEFAULT_PRETRAINED}, of the package"
    if STRONGEST.measured:
        words += (
            f"; `stca weights get {STRONGEST.name}` brings a stronger one (rank-1 between cameras, %: "
            f"{STRONGEST.measured}; the package's: {DEFAULT_MEASURED})"
        )
    return words


def lasting_name(name: str) -> str:
    """A model's name that finds the model from any folder, and after the package's default has changed."""
    if name == "pretrained":
        return f"pretrained:{DEFAULT_PRETRAINED}"
    return str(Path(name).absolute()) if is_path(name) else name
