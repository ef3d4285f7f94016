"""The one interface: what is checked, whatever engine keeps the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np

from stca.errors import GalleryError
from stca.gallery.calibration import Calibration
from stca.gallery.embedded import EmbeddedEngine
from stca.gallery.engine import Engine, Vector, Vectors
from stca.gallery.fingerprint import ModelMark
from stca.gallery.records import Added, Hit, Record, Stats
from stca.gallery.store.file import create_file, is_begun, is_free, open_file, size_of
from stca.gallery.store.store import Store
from stca.gallery.unit_vectors import unit_vectors
from stca.models import ReIDModel
from stca.tools.lookup import suggest

_MODEL, _SOURCE, _CALIBRATION = "model", "model source", "calibration"


class Gallery:
    """Tracklets with their vectors, to be searched by cosine similarity.

    `with Gallery.open(path) as gallery: gallery.search(vector, k=10)`
    """

    def __init__(self, path: Path, store: Store, mark: ModelMark) -> None:
        self.path, self.mark = path, mark
        self._store = store
        self._engine: Engine = EmbeddedEngine(store, mark.dim)

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        model: ReIDModel | ModelMark | None = None,
        source: str | None = None,
        wait: float = 60.0,
    ) -> Gallery:
        """Open a gallery; with a model, make it where there is none yet.

        Args:
            path: its folder.
            model: whose vectors it holds: a model, or a `ModelMark`; None takes the gallery as it is.
            source: where the model can be found again (`stca.runs.open_model`); noted in a new gallery.
            wait: seconds to wait for another process that is writing.

        Raises:
            GalleryError: no gallery there and no model to make one for, a folder of something else, a damaged
                file, one that cannot be read, or a gallery of another model.

        """
        if "://" in str(path):
            raise GalleryError("There is no engine for this address", expected="a folder", found=path)
        folder = Path(path)
        mark = ModelMark.of(model) if isinstance(model, ReIDModel) else model
        if mark is not None and not is_begun(folder, wait=wait) and is_free(folder):
            notes = {_MODEL: mark.to_json()} | ({_SOURCE: source} if source else {})
            store = Store(folder, create_file(folder, notes, wait=wait), writable=True)
        else:
            connection, writable = open_file(folder, wait=wait)
            store = Store(folder, connection, writable=writable)
        try:
            own = ModelMark.from_json(store.note(_MODEL) or "")
            if mark is not None:
                own.require(mark, where=folder)
        except BaseException:
            store.close()
            raise
        return cls(folder, store, own)

    def require_model(self, model: ReIDModel) -> None:
        """Raise GalleryError where this is not the model that made the gallery's vectors."""
        self.mark.require(ModelMark.of(model), where=self.path)

    @property
    def source(self) -> str | None:
        """Where its model can be found, if that was said when it was made."""
        return self._store.note(_SOURCE)

    @property
    def writable(self) -> bool:
        """Whether this process may change it."""
        return self._store.writable

    # ---- rows ----

    def add(self, records: Sequence[Record], vectors: Vectors, *, replace: bool = False) -> Added:
        """Put tracklets in; when it returns, they are on disk.

        A thousand at a time are committed: when a later one fails, the earlier ones are kept. Of a key that
        is there with the same content, only the rest is updated (see `update`).

        Args:
            records: N.
            vectors: (N, D), of any length but zero; kept at unit length.
            replace: put a tracklet of other content in the place of one with the same key.

        Raises:
            GalleryError: vectors of another dimension, zero or not finite; a key twice in `records`; a key
                that is there with other content; a value of another kind than `Record` says; a full disk.

        """
        unit = unit_vectors(vectors, dim=self.mark.dim, where=self.path)
        if len(records) != len(unit):
            raise GalleryError(
                "Records and vectors belong together", expected=f"{len(records)} vectors", found=len(unit)
            )
        if len({record.key for record in records}) != len(records):
            raise GalleryError("Two of the records to be added have the same key", where=self.path)
        return self._engine.add(records, unit, replace=replace)

    def update(self, records: Sequence[Record]) -> int:
        """Bring tracklets that are there up to what is known of them now: camera, times, label, folder.

        Vectors stay. So does what linking said of `person`; where it was the label, it follows the label.

        Args:
            records: N; with the keys of tracklets that are there.

        Returns:
            how many differed from what was kept.

        Raises:
            GalleryError: a key is not there; a change in a gallery that can only be read.

        """
        return self._engine.update(records)

    def remove(self, *keys: str) -> None:
        """Remove tracklets: all of those keys, or none.

        Raises:
            GalleryError: one of them is not there.

        """
        for key in dict.fromkeys(keys):
            self.require_key(key)
        self._engine.remove(tuple(dict.fromkeys(keys)))

    def set_persons(self, persons: Mapping[str, int | None]) -> None:
        """Say who those tracklets are (None: nobody knows), all in one commit.

        Raises:
            GalleryError: a key is not there, or a person is no whole number; then nothing is written.

        """
        self._engine.set_persons(dict(persons))

    def records(self) -> Iterator[Record]:
        """All records, in the order in which they came."""
        return self._engine.records()

    def vectors(self) -> Vectors:
        """(N, D), of unit length, in the order of `records`; all of them in memory."""
        return self._engine.vectors()

    def table(self) -> tuple[list[Record], Vectors]:
        """Records and vectors of one moment, whoever writes meanwhile."""
        return self._engine.table()

    def get(self, key: str) -> tuple[Record, Vector] | None:
        """Record and vector of a key; None where it is not there."""
        return self._engine.find(key)

    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """The content of those keys that are there."""
        return self._store.known(keys)

    # ---- asking ----

    def search(
        self,
        vector: Vector,
        k: int = 10,
        *,
        cameras: Sequence[str] | None = None,
        time: tuple[float, float] | None = None,
        without: str | None = None,
    ) -> list[Hit]:
        """The most similar tracklets.

        Args:
            vector: (D,), of any length but zero.
            k: how many at most.
            cameras: only tracklets of these; None: of all.
            time: only tracklets that are seen at some moment from the first to the second number of seconds,
                ends included; those without times are then left out.
            without: a key that is no answer: the query's own.

        Raises:
            GalleryError: a vector of another dimension, zero or not finite; a k below 1; a time that ends
                before it begins; a damaged gallery.

        """
        unit = unit_vectors(np.asarray(vector)[None], dim=self.mark.dim, where=self.path)[0]
        if k < 1:
            raise GalleryError("A search gives at least one answer", expected="k from 1", found=k)
        if time is not None and not time[0] <= time[1]:
            raise GalleryError("A time ends before it begins", expected="(from, to)", found=time)
        if isinstance(cameras, str):
            cameras = (cameras,)
        chosen = None if cameras is None else frozenset(cameras)
        found = self._engine.search(unit, k, cameras=chosen, time=time, without=without)
        calibration = self.calibration()
        return [
            Hit(rank, record, score, None if calibration is None else score >= calibration.threshold)
            for rank, (record, score) in enumerate(found, 1)
        ]

    def refresh(self) -> None:
        """Bring the index up to the last commit and write it to disk.

        Searches do the first by themselves; after many additions this saves the next process the time.
        """
        self._engine.refresh()

    def stats(self) -> Stats:
        """What it holds."""
        cameras, persons, first, last = self._store.counts()
        return Stats(
            tracklets=sum(cameras.values()),
            cameras=cameras,
            persons=persons,
            first=first,
            last=last,
            dim=self.mark.dim,
            index=self._engine.describe(),
            bytes_on_disk=size_of(self.path),
        )

    def __len__(self) -> int:
        return sum(self._store.counts()[0].values())

    # ---- the threshold ----

    def calibration(self) -> Calibration | None:
        """The threshold and how it came about; None where `calibrate` never ran."""
        text = self._store.note(_CALIBRATION)
        return None if text is None else _calibration(text)

    def set_calibration(self, calibration: Calibration) -> None:
        """Keep a threshold: from now on answers below it are marked."""
        self._store.set_note(_CALIBRATION, calibration.to_json())

    # ---- the rest ----

    def close(self) -> None:
        """Let go of the files."""
        self._engine.close()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require_key(self, key: str) -> None:
        """Raise GalleryError where there is no such key, with the closest one."""
        if self._store.known([key]):
            return
        close = suggest(key, [record.key for record in self.records()])
        raise GalleryError(
            f"The gallery has no tracklet {key!r}",
            where=self.path,
            hint=f"did you mean {close!r}?" if close else "see `stca gallery list`",
        )


@lru_cache(maxsize=8)
def _calibration(text: str) -> Calibration:
    """Every search asks for it."""
    return Calibration.from_json(text)
