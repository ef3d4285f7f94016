"""What a running server holds: the gallery, its model, people's corrections, saved searches, the logs."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from functools import cached_property

from anyio import CapacityLimiter

from stca.errors import StcaError
from stca.gallery import Gallery
from stca.gallery.corrections import Correction
from stca.gallery.keeping.places import note_place
from stca.gallery.store.file import FILE as GALLERY_FILE
from stca.gallery.store.store import Store
from stca.linking.persons import undo
from stca.models import ReIDModel
from stca.web import schemas
from stca.web.access.audit import AuditLog
from stca.web.access.rate_limit import RateLimit
from stca.web.access.tokens import Tokens, User
from stca.web.correcting import apply_correction
from stca.web.jobs import Jobs
from stca.web.listing import Following, Snapshot
from stca.web.media.certainty import Certainty, certainty
from stca.web.media.footage import Footage
from stca.web.problems import WebError, not_found, without_places
from stca.web.saved import SavedSearches
from stca.web.settings import ServerSettings
from stca.web.uploads import Uploads

_AT_ONCE = 4
"""Searches of programs that are answered at once; others wait in the order in which they came."""
_TIDY_EVERY = 300.0
"""Seconds between two removals of expired uploads."""


class ServerState:
    """Shared by all requests; every method may be called from any thread.

    Args:
        settings: of the server.

    Raises:
        GalleryError: the gallery cannot be opened.

    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.gallery = Gallery.open(settings.gallery)
        if self.gallery.writable:
            note_place(self.gallery, "server", settings.folder)
        self._file = _file_of(settings)
        self.tokens = Tokens(settings.folder / "tokens.json")
        self.audit = AuditLog(settings.folder / "audit.log")
        self.saved = SavedSearches(settings.folder)
        self.uploads = Uploads(settings.folder / "uploads")
        self.upload_rate = RateLimit(rate=0.5, burst=20)
        self.jobs = Jobs(settings.folder, settings.gallery, model=settings.model, check=self.require_gallery)
        places = (*settings.videos, self.jobs.videos)
        self.footage = Footage(lambda: self.snapshot().records, places)
        self.model_lock, self.forget_lock = threading.RLock(), threading.Lock()
        self.search_turns, self.embedding_turns = CapacityLimiter(_AT_ONCE), CapacityLimiter(_AT_ONCE)
        self.following = Following(self.gallery)
        self._certainty_lock = threading.Lock()
        self._certainty: tuple[object, Certainty | None] | None = None
        self.streams = 0
        self.closing = threading.Event()
        self._remove_expired()

    def close(self) -> None:
        """End the event streams, close the files, and remove uploads that have expired."""
        self.closing.set()
        self.jobs.close()
        self.footage.close()
        self.gallery.close()
        self._remove_expired()

    def remove_expired_uploads(self) -> None:
        """Remove uploads as they expire, until the server is closed; for a thread of its own."""
        while not self.closing.wait(_TIDY_EVERY):
            self._remove_expired()

    def _remove_expired(self) -> None:
        with suppress(OSError):  # the next time
            self.uploads.remove_expired()

    # ---- the gallery ----

    def require_gallery(self) -> None:
        """Raise WebError (503) where the gallery's file is no longer the one that was opened.

        SQLite would go on with the open one, and lose what is written to it.
        """
        try:
            now = _file_of(self.settings)
            same = now is None or (self._file is not None and os.path.samestat(self._file, now))
        except OSError:
            same = False
        if not same:
            raise WebError(
                "The gallery is no longer where it was",
                status=503,
                hint="it was moved, removed or replaced: put it back, or start the server anew",
            )

    def snapshot(self) -> Snapshot:
        """Everything in the gallery; after a change, by whatever process, only that is read again."""
        return self.following.snapshot()

    def certainty(self) -> Certainty | None:
        """What scores mean in the gallery as it is now; computed once for each of its states."""
        with self._certainty_lock:
            version, snapshot = self.gallery.version(), self.snapshot()
            if self._certainty is None or self._certainty[0] != version:
                shown = {key: each for key, each in snapshot.records.items() if key not in snapshot.hidden}
                self._certainty = version, certainty(self.gallery, shown)
            return self._certainty[1]

    def judgements(self, key: str) -> dict[str, bool]:
        """What people said of a query's answers: whether they show the same person; the last word counts."""
        said: dict[str, bool] = {}
        for correction in self.gallery.corrections("same", "different"):
            if key in (pair := (*correction.keys, *correction.others)):
                for other in pair:
                    if other != key:
                        said[other] = correction.kind == "same"
        return said

    def correct(self, given: schemas.CorrectionIn, who: User) -> Correction:
        """Make a correction, once it is in the audit log; a second line says that it was refused."""
        asked = given.model_dump(exclude_defaults=True, exclude={"kind"})
        self.audit.write(who.name, who.role, f"correct: {given.kind}", **asked)
        try:
            return apply_correction(self.gallery, given, author=who.name)
        except StcaError as error:
            self.audit.write(who.name, who.role, f"refused: {given.kind}", why=error.what)
            raise

    def undo(self, number: int, who: User) -> Correction:
        """Undo a correction, once it is in the audit log; a WebError of status 404 if there is none."""
        if all(correction.id != number for correction in self.gallery.corrections()):
            raise not_found("There is no such correction", found=number)
        self.audit.write(who.name, who.role, "undo correction", correction=number)
        return undo(self.gallery, number)

    @property
    def numbered(self) -> Store | None:
        """The gallery's store, if it numbers rows in the order in which they came; None on Milvus."""
        store = self.gallery.store
        return store if isinstance(store, Store) else None

    def newest_row(self) -> int:
        """The highest row id of the gallery; later tracklets have higher ones. 0 where none are numbered."""
        last = self.numbered.last_commit() if self.numbered else None
        return 0 if last is None else last[0]

    def public(self, text: str) -> str:
        """A text for people on the network, who need not know where the server's files are."""
        return without_places(text, self.settings.folders)

    def info(self) -> schemas.GalleryInfo:
        """What the gallery holds."""
        snapshot, stats, calibration = self.snapshot(), self.gallery.stats(), self.gallery.calibration()
        return schemas.GalleryInfo(
            tracklets=stats.tracklets,
            persons=len(snapshot.persons),
            cameras=snapshot.cameras_out(),
            hidden=len(snapshot.hidden),
            model=self.gallery.source or self.gallery.fingerprint.name,
            dim=stats.dim,
            threshold=None if calibration is None else calibration.threshold,
            far=None if calibration is None else calibration.far,
            calibration=None if calibration is None else calibration.method,
            calibrated=self.gallery.calibrated(),
            numbering=self.gallery.linkings(),
            index=stats.index,
            bytes_on_disk=stats.bytes_on_disk or 0,
        )

    # ---- the model ----

    @cached_property
    def _open_model(self) -> ReIDModel:
        from stca.runs.gallery_model import gallery_model

        chosen = gallery_model(self.gallery, self.settings.model)
        return chosen if isinstance(chosen, ReIDModel) else chosen()

    def model(self) -> ReIDModel:
        """The gallery's model, opened by the first search that needs it; use it under `model_lock`.

        Raises:
            StcaError: it cannot be opened.

        """
        with self.model_lock:
            return self._open_model


def _file_of(settings: ServerSettings) -> os.stat_result | None:
    """The gallery's file; None: it is on Milvus."""
    return None if isinstance(settings.gallery, str) else (settings.gallery / GALLERY_FILE).stat()
