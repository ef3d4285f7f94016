"""Opening a gallery on Milvus, made if there is none."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.fingerprint import ModelFingerprint
from stca.gallery.milvus.address import Address
from stca.gallery.milvus.connection import Connection
from stca.gallery.milvus.engine import MilvusEngine
from stca.gallery.milvus.erasing import ErasingMilvusStore
from stca.gallery.milvus.indexing import first_indexes
from stca.gallery.milvus.lock import PENDING, WriterLock
from stca.gallery.milvus.log import Log
from stca.gallery.milvus.store import META
from stca.gallery.milvus.table import Table

MODEL = "model"


def milvus_gallery_exists(address: Address) -> bool:
    """Whether there is a gallery at an address.

    Raises:
        GalleryError: the server does not answer.

    """
    if not _may_exist(address):
        return False
    connection = Connection(address)
    try:
        return _fingerprint(Log(connection, address.name)) is not None
    finally:
        connection.close()


def open_milvus(
    address: Address, fingerprint: ModelFingerprint | None, notes: dict[str, str], *, wait: float
) -> tuple[ErasingMilvusStore, MilvusEngine, ModelFingerprint]:
    """Open a gallery; with a fingerprint, make it if there is none yet.

    Args:
        address: where it is.
        fingerprint: of the model.
        notes: metadata of a new gallery.
        wait: seconds to wait for another process that is writing.

    Raises:
        GalleryError: no gallery there and no fingerprint; a gallery of another model; the server does not
            answer or refuses.

    """
    if fingerprint is None and not _may_exist(address):
        raise _no_gallery(address, "a file of Milvus Lite with a gallery", "none")
    connection = Connection(address)
    try:
        return _open(connection, fingerprint, notes, wait)
    except BaseException:
        connection.close()
        raise


def _open(
    connection: Connection, fingerprint: ModelFingerprint | None, notes: dict[str, str], wait: float
) -> tuple[ErasingMilvusStore, MilvusEngine, ModelFingerprint]:
    address = connection.address
    log = Log(connection, address.name)
    lock = WriterLock(log, connection, wait=wait)
    with connection.strongly():
        own = _fingerprint(log)
        if own is None and fingerprint is None:
            raise _no_gallery(address, "the name of a gallery on this server", "no such name")
        if own is None and fingerprint is not None:
            own = _create(log, lock, fingerprint, notes)
        assert own is not None
        if fingerprint is not None:
            own.require(fingerprint, where=address)
        table = Table(connection, _collection(address, own), own.dim, keep=lock.keep)
        table.create(first_indexes(is_lite=address.is_lite))
        store = ErasingMilvusStore(connection, log, table, lock)
        if log.read(prefixes=[PENDING]):
            with store.writing():
                pass  # which finishes it
    return store, MilvusEngine(store), own


def _may_exist(address: Address) -> bool:
    """False: a file of Milvus Lite that is not there; to connect would make it and the folders above."""
    place = Path(address.uri)
    return not address.is_lite or place.is_file() or (place / "collections").is_dir()


def _no_gallery(address: Address, expected: str, found: str) -> GalleryError:
    return GalleryError(
        "There is no gallery here",
        expected=expected,
        found=found,
        where=address,
        hint="stca gallery add GALLERY TRACKS makes one",
    )


def _create(
    log: Log, lock: WriterLock, fingerprint: ModelFingerprint, notes: dict[str, str]
) -> ModelFingerprint:
    try:
        if not log.exists():
            log.create()
    except GalleryError:
        if not log.exists():  # else another process was faster
            raise
    log.load()
    with lock.held():
        own = _fingerprint(log)
        if own is not None:
            return own
        meta = {"id": secrets.token_hex(8), **notes, MODEL: fingerprint.to_json()}
        log.write({META + name: value for name, value in meta.items()})
    return fingerprint


def _fingerprint(log: Log) -> ModelFingerprint | None:
    """The model of a gallery; None if there is none, or a process was killed while making it."""
    if not log.exists():
        return None
    log.load()
    text = log.read(names=[META + MODEL]).get(META + MODEL)
    return None if text is None else ModelFingerprint.from_json(text)


def _collection(address: Address, fingerprint: ModelFingerprint) -> str:
    """The collection of a model's vectors."""
    mark = hashlib.blake2b(fingerprint.to_json().encode(), digest_size=6).hexdigest()
    return f"{address.name}_{mark}"
