"""What tells that a gallery's rows changed, and how, without reading them."""

from __future__ import annotations

import secrets

from stca.errors import GalleryFileError
from stca.gallery.store.tombstones import Tombstones


class Counters(Tombstones):
    """Counters of changes, and an era, among the metadata of an open gallery file."""

    def counters(self) -> tuple[int, int, int]:
        """Numbers of commits that changed rows, of rows removed, and of rows updated, since creation."""
        found = dict(
            self._query("SELECT name, value FROM meta WHERE name IN ('changes', 'removals', 'updates')")
        )
        try:
            return int(found["changes"]), int(found["removals"]), int(found.get("updates", 0))
        except (KeyError, ValueError) as error:
            raise GalleryFileError(
                "This gallery's file is damaged", expected="its counters", found=found, where=self.folder
            ) from error

    def era(self) -> str:
        """A token that changes when rows were erased or another state was restored: old indexes are void."""
        return self.meta("era") or ""

    def _begin_era(self) -> None:
        self._set_meta("era", secrets.token_hex(8))

    def _count_change(self, *, removed: int = 0, updated: int = 0) -> None:
        changes, removals, updates = self.counters()
        self._set_meta("changes", str(changes + 1))
        self._set_meta("removals", str(removals + removed))
        self._set_meta("updates", str(updates + updated))
