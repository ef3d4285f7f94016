"""The snapshot of a gallery as it is now: after a change, only what changed is read again."""

from __future__ import annotations

import threading

from stca.gallery import Gallery
from stca.gallery.store.changes import row_changes
from stca.linking.persons import person_names
from stca.tools.collector import no_collector
from stca.web.listing.snapshot import Snapshot


class Following:
    """Keeps the last snapshot of a gallery; every method may be called from any thread.

    Args:
        gallery: that is open.

    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._changes = row_changes(gallery)
        self._lock = threading.Lock()
        self._last: tuple[object, Snapshot] | None = None

    def snapshot(self) -> Snapshot:
        """Everything in the gallery now; the same object as long as nothing in it changes.

        Raises:
            GalleryError: the gallery cannot be read.

        """
        with self._lock:
            version = self._gallery.version()
            if self._last is None or self._last[0] != version:
                self._last = version, self._read(None if self._last is None else self._last[1])
            return self._last[1]

    def _read(self, before: Snapshot | None) -> Snapshot:
        try:
            with self._gallery.store.read_transaction(), no_collector():
                changed = self._changes.look()
                hidden, names = self._gallery.hidden(), person_names(self._gallery)
        except BaseException:
            self._changes, self._last = row_changes(self._gallery), None  # what was looked at is lost
            raise
        if before is None or changed.anew:
            return Snapshot.of(changed.records, hidden=hidden, names=names)
        return before.changed(changed.records, changed.gone, hidden=hidden, names=names)
