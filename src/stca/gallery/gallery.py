"""`Gallery`: validates arguments and passes them to the engine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from stca.errors import GalleryError
from stca.gallery.corrections.gallery_log import GalleryLog
from stca.gallery.embedded import EmbeddedEngine
from stca.gallery.engine import Engine, Vector, Vectors
from stca.gallery.fingerprint import ModelFingerprint, fingerprint_of
from stca.gallery.milvus.address import Address, is_address, parse_address
from stca.gallery.records import Added, Hit, Record, Stats
from stca.gallery.store.file import gallery_exists
from stca.gallery.store.interface import GalleryStore
from stca.gallery.store.opening import open_folder
from stca.gallery.unit_vectors import unit_vectors
from stca.tools.lookup import suggest

if TYPE_CHECKING:
    from stca.models import ReIDModel

_SOURCE = "model source"


class Gallery(GalleryLog):
    """Tracklets with their embedding vectors, in a folder or on Milvus, searched by cosine similarity.

    `with Gallery.open(path) as gallery: gallery.search(vector, k=10)`
    """

    def __init__(
        self, where: Path | Address, store: GalleryStore, engine: Engine, fingerprint: ModelFingerprint
    ) -> None:
        super().__init__(store)
        self.where, self.fingerprint, self._engine = where, fingerprint, engine

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        model: ReIDModel | ModelFingerprint | None = None,
        source: str | None = None,
        wait: float = 60.0,
    ) -> Gallery:
        """Open a gallery; with a model, create it if there is none yet.

        Args:
            path: its folder, or an address (`stca.gallery.milvus.address`): `milvus://host:19530/name`,
                `milvus+tls://user:password@host:port/name`, or `milvus:///folder/file.db` (Milvus Lite).
            model: the model of its vectors, or a `ModelFingerprint`; None: do not check.
            source: name or path of the model (`stca.runs.open_model`), stored in a new gallery.
            wait: seconds to wait for another process that is writing.

        Raises:
            GalleryError: no gallery there and no model given, a folder with other files, a damaged or
                unreadable file, a gallery of another model, or a server that does not answer.

        """
        fingerprint = None if model is None else fingerprint_of(model)
        notes = {_SOURCE: source} if source else {}
        if is_address(path):
            from stca.gallery.milvus.opening import open_milvus

            address = parse_address(str(path))
            return cls(address, *open_milvus(address, fingerprint, notes, wait=wait))
        folder = Path(path)
        store, own = open_folder(folder, fingerprint, notes, wait=wait)
        return cls(folder, store, EmbeddedEngine(store, own.dim), own)

    @staticmethod
    def exists(path: Path | str) -> bool:
        """Whether there is a gallery in a folder or at an address.

        Raises:
            GalleryError: a file that cannot be read, or a server that does not answer.

        """
        if not is_address(path):
            return gallery_exists(Path(path))
        from stca.gallery.milvus.opening import milvus_gallery_exists

        return milvus_gallery_exists(parse_address(str(path)))

    @property
    def path(self) -> Path:
        """Its folder.

        Raises:
            GalleryError: it is on Milvus and has none.

        """
        if not isinstance(self.where, Path):
            raise GalleryError(
                "This needs a gallery in a folder", found="a gallery on Milvus", where=self.where
            )
        return self.where

    @property
    def mark(self) -> ModelFingerprint:
        """Old name of `fingerprint`; removed in the release after the next."""
        warnings.warn("Gallery.mark is now Gallery.fingerprint", DeprecationWarning, stacklevel=2)
        return self.fingerprint

    def require_model(self, model: ReIDModel) -> None:
        """Raise GalleryError if this is not the model that made the gallery's vectors."""
        self.fingerprint.require(ModelFingerprint.of(model), where=self.where)

    @property
    def source(self) -> str | None:
        """Name or path of its model, if given when the gallery was created."""
        return self._store.meta(_SOURCE)

    @property
    def writable(self) -> bool:
        """Whether this process may write to it."""
        return self._store.writable

    # ---- rows ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool = False) -> Added:
        """Add tracklets; on return, they are on disk.

        They are committed 1,000 at a time: if a later batch fails, earlier ones are kept. For a key that
        exists with the same content, only the metadata is updated (see `update`). What was forgotten is left
        out and counted.

        Args:
            records: N.
            vectors: (N, D), of any length above zero; stored at unit length.
            replace: replace a tracklet that has the same key but other content.

        Raises:
            GalleryError: vectors of another dimension, zero or not finite; a key twice in `records`; a key
                that exists with other content; a value of the wrong type; a full disk.

        """
        unit = unit_vectors(vectors, dim=self.fingerprint.dim, where=self.where)
        if len(records) != len(unit):
            raise GalleryError(
                "Records and vectors belong together", expected=f"{len(records)} vectors", found=len(unit)
            )
        if len({record.key for record in records}) != len(records):
            raise GalleryError("Two of the records to be added have the same key", where=self.where)
        return self._engine.add(records, unit, replace=replace)

    def update(self, records: Sequence[Record]) -> int:
        """Update the metadata of existing tracklets: camera, times, label, folder.

        Vectors are kept. A `person` that linking assigned is kept too; one that equals the label follows it.

        Args:
            records: N, with keys of existing tracklets.

        Returns:
            the number of records that changed.

        Raises:
            GalleryError: a missing key; a change in a read-only gallery.

        """
        return self._engine.update(records)

    def remove(self, *keys: str) -> None:
        """Remove tracklets: all of these keys, or none.

        Raises:
            GalleryError: one of the keys does not exist.

        """
        for key in dict.fromkeys(keys):
            self.require_key(key)
        self._engine.remove(tuple(dict.fromkeys(keys)))

    def records(self) -> Iterator[Record]:
        """All records, in insertion order."""
        return self._engine.records()

    def vectors(self) -> Vectors:
        """(N, D) float32 of unit length, in the order of `records`; loads all of them into memory."""
        return self._engine.vectors()

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one snapshot, whatever other processes write meanwhile."""
        return self._engine.table()

    def get(self, key: str) -> tuple[Record, Vector] | None:
        """Record and vector of a key; None if there is none."""
        return self._engine.find(key)

    def take(self, keys: Sequence[str]) -> tuple[list[Record], Vectors]:
        """Records and vectors of those keys that exist, in the order of `keys`."""
        return self._engine.take(keys)

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """Content digests of those keys that exist."""
        return self._store.known(keys)

    # ---- search ----

    def search(
        self,
        vector: Vector,
        k: int = 10,
        *,
        cameras: Sequence[str] | None = None,
        time: tuple[float, float] | None = None,
        without: str | None = None,
        hidden: bool = False,
        queries: Sequence[Record] = (),
    ) -> list[Hit]:
        """The most similar tracklets.

        Args:
            vector: (D,), of any length above zero.
            k: maximum number of hits; a smaller gallery gives fewer.
            cameras: only tracklets of these cameras; None: all.
            time: (from, to) in seconds, inclusive: only tracklets whose time span overlaps it; tracklets
                without times are excluded.
            without: a key to exclude: the query's own.
            hidden: search hidden tracklets too.
            queries: tracklets of this gallery that the query is made of: they are not among the hits, and
                those that a camera saw at the same time (`Hit.at_once`) do not count in `k`.

        Raises:
            GalleryError: a vector of another dimension, zero or not finite; a k below 1; a time that ends
                before it begins; a damaged gallery.

        """
        unit = unit_vectors(np.asarray(vector)[None], dim=self.fingerprint.dim, where=self.where)[0]
        if k < 1:
            raise GalleryError("A search needs k of at least 1", expected="an integer from 1", found=k)
        if time is not None and not time[0] <= time[1]:
            raise GalleryError("A time range ends before it begins", expected="(from, to)", found=time)
        chosen = None if cameras is None else frozenset([cameras] if isinstance(cameras, str) else cameras)
        with self._engine.reading():
            filters: dict[str, Any] = {"cameras": chosen, "time": time, "without": without, "hidden": hidden}
            return self.first_rated(partial(self._engine.search, unit, **filters), k, queries)

    def refresh(self) -> None:
        """Bring the index up to the last commit and save it to disk.

        Searches update the index themselves; after many additions, saving it spares the next process that.
        """
        self._engine.refresh()

    def stats(self) -> Stats:
        """Size and contents."""
        cameras, persons, first, last = self._store.counts()
        return Stats(
            tracklets=sum(cameras.values()),
            cameras=cameras,
            persons=persons,
            first=first,
            last=last,
            dim=self.fingerprint.dim,
            index=self._engine.describe(),
            bytes_on_disk=self._store.bytes_on_disk(),
            hidden=len(self.hidden()),
        )

    def __len__(self) -> int:
        return self._store.rows()

    def version(self) -> tuple[int, int]:
        """A value that changes with every change of the gallery's file, by whatever process."""
        return self._store.version()

    # ---- closing and errors ----

    def close(self) -> None:
        """Close the files."""
        self._engine.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require_key(self, key: str) -> None:
        """Raise GalleryError, naming the closest key, if there is no such key."""
        if self._store.known([key]):
            return
        close = suggest(key, [record.key for record in self.records()])
        raise GalleryError(
            f"The gallery has no tracklet {key!r}",
            where=self.where,
            hint=f"did you mean {close!r}?" if close else "see `stca gallery list`",
        )
