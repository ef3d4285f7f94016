"""What a running server holds: the gallery, its model, people's corrections, saved searches, the logs."""

from __future__ import annotations

import threading
from functools import cached_property

from stca.gallery import Gallery
from stca.linking.persons import persons
from stca.models import ReIDModel
from stca.runs.gallery_model import gallery_model
from stca.web.access.audit import AuditLog
from stca.web.access.tokens import Tokens
from stca.web.listing import Snapshot
from stca.web.saved import SavedSearches
from stca.web.settings import ServerSettings


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
        self.tokens = Tokens(settings.folder / "tokens.json")
        self.audit = AuditLog(settings.folder / "audit.log")
        self.saved = SavedSearches(settings.folder)
        self.model_lock = threading.RLock()
        self._snapshot_lock = threading.Lock()
        self._snapshot: tuple[object, Snapshot] | None = None

    def close(self) -> None:
        """Close the files."""
        self.gallery.close()

    # ---- the gallery ----

    def snapshot(self) -> Snapshot:
        """Everything in the gallery; read again only after a change, by whatever process."""
        with self._snapshot_lock:
            version = self.gallery.version()
            if self._snapshot is None or self._snapshot[0] != version:
                found = Snapshot.of(self.gallery.records(), persons(self.gallery), self.gallery.hidden())
                self._snapshot = version, found
            return self._snapshot[1]

    def judgements(self, key: str) -> dict[str, bool]:
        """What people said of a query's answers: whether they show the same person; the last word counts."""
        said: dict[str, bool] = {}
        for correction in self.gallery.corrections():
            if correction.kind not in ("same", "different") or correction.undone is not None:
                continue
            if key in (pair := (*correction.keys, *correction.others)):
                for other in pair:
                    if other != key:
                        said[other] = correction.kind == "same"
        return said

    # ---- the model ----

    @cached_property
    def _open_model(self) -> ReIDModel:
        chosen = gallery_model(self.gallery, self.settings.model)
        return chosen if isinstance(chosen, ReIDModel) else chosen()

    def model(self) -> ReIDModel:
        """The gallery's model, opened by the first search that needs it; use it under `model_lock`.

        Raises:
            StcaError: it cannot be opened.

        """
        with self.model_lock:
            return self._open_model

    def detector(self) -> str | None:
        """Name of a detector that finds people in single pictures; None: none was fetched."""
        from stca.catalogue import best

        fetched = best("detector")
        return fetched.name if fetched else None
