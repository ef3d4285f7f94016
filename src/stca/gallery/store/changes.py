"""Which rows of a gallery changed since the last look, without reading all of them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stca.gallery.records import Record
from stca.gallery.store.store import Store

if TYPE_CHECKING:
    from stca.gallery.gallery import Gallery


def row_changes(gallery: Gallery) -> RowChanges | EveryRow:
    """What looks at the rows of an open gallery, whatever keeps it."""
    return RowChanges(gallery.store) if isinstance(gallery.store, Store) else EveryRow(gallery)


@dataclass(frozen=True, slots=True)
class Changed:
    """What is different since the last look.

    Args:
        records: that are new or changed, or all of them.
        gone: keys of rows that were removed; a new row may have the same key.
        anew: whether `records` are all of them.

    """

    records: Sequence[Record]
    gone: Sequence[str] = ()
    anew: bool = False


class RowChanges:
    """Looks at the rows of an open gallery.

    Changes of this connection are known by row; after one of another process, id and person of every row are
    compared, which is a tenth of the work of reading all. After changes of metadata (`Store.update`), an
    erasing, a restore, or of more than a quarter of the rows, everything is read.

    Args:
        store: of the gallery.

    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[int, Record] = {}
        self._state: tuple[str, int] | None = None
        self._others = -1

    def look(self) -> Changed:
        """What changed since the last call, everything at the first one.

        To be called within `Store.read_transaction`.

        Raises:
            GalleryError: the file cannot be read.

        """
        others, touched = self._store.version()[0], self._store.take_touched()
        state = self._store.era(), self._store.counters()[2]
        if state != self._state:
            return self._anew(state, others)
        if others != self._others:
            touched = self._compared()
        if 4 * len(touched) > len(self._rows):
            return self._anew(state, others)
        self._others = others
        found = self._store.records_of(touched)
        gone = [self._rows.pop(row).key for row in touched if row in self._rows and row not in found]
        self._rows |= found
        return Changed(list(found.values()), gone)

    def _anew(self, state: tuple[str, int], others: int) -> Changed:
        found = self._store.numbered_records()
        self._rows, self._state, self._others = dict(found), state, others
        return Changed(list(self._rows.values()), anew=True)

    def _compared(self) -> list[int]:
        """Ids of rows that are new or gone, or have another person."""
        now = dict(self._store.persons_by_row())
        changed = [
            row for row, person in now.items() if row not in self._rows or self._rows[row].person != person
        ]
        return changed + [row for row in self._rows if row not in now]


class EveryRow:
    """In place of `RowChanges` for a store that does not say what changed (Milvus): all rows, every time.

    Args:
        gallery: that is open.

    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def look(self) -> Changed:
        """All records.

        Raises:
            GalleryError: they cannot be read.

        """
        return Changed(list(self._gallery.records()), anew=True)
