"""Opening a gallery's folder, made if there is none."""

from __future__ import annotations

from pathlib import Path

from stca.gallery.fingerprint import ModelFingerprint
from stca.gallery.store.erasing import ErasingStore
from stca.gallery.store.file import can_create, create_file, gallery_exists, open_file

_MODEL = "model"


def open_folder(
    folder: Path, fingerprint: ModelFingerprint | None, notes: dict[str, str], *, wait: float
) -> tuple[ErasingStore, ModelFingerprint]:
    """Open a gallery; with a fingerprint, make it if there is none yet.

    Args:
        folder: of the gallery.
        fingerprint: of the model.
        notes: metadata of a new gallery.
        wait: seconds to wait for another process that is writing.

    Raises:
        GalleryError: as `Gallery.open`.

    """
    if fingerprint is not None and not gallery_exists(folder, wait=wait) and can_create(folder):
        meta = {_MODEL: fingerprint.to_json()} | notes
        store = ErasingStore(folder, create_file(folder, meta, wait=wait), writable=True)
    else:
        connection, writable = open_file(folder, wait=wait)
        store = ErasingStore(folder, connection, writable=writable)
    try:
        own = ModelFingerprint.from_json(store.meta(_MODEL) or "")
        if fingerprint is not None:
            own.require(fingerprint, where=folder)
    except BaseException:
        store.close()
        raise
    return store, own
