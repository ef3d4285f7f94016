"""Erasing rows of a gallery on Milvus, in an order that a crash at any point does not harm.

Milvus marks deleted rows and drops their bytes later, when it compacts segments and collects what no longer
counts; when is the server's decision. What can be done here is to delete, flush and ask for compaction.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from stca.errors import GalleryBusyError, GalleryFileError
from stca.gallery.milvus.corrections import MADE, UNDONE, CorrectedMilvusStore, entry_name
from stca.gallery.milvus.rows import COLUMNS, from_entity, row_id
from stca.gallery.milvus.store import META
from stca.gallery.store.interface import LogState
from stca.gallery.store.redacting import LogTexts, redacted
from stca.gallery.store.tombstones import keyed_hash

_ERASE = "erase:"
_UNERASED = "unerased:"
_UNCLEAN = "unclean"
_TEXTS = ("keys", "others", "before", "after", "contents")
_AT_ONCE = 500


class ErasingMilvusStore(CorrectedMilvusStore):
    """A `CorrectedMilvusStore` whose rows can be erased, in the order of the methods here."""

    def begin_erasing(self, keys: Sequence[str], names: Sequence[str], *, remember: bool) -> None:
        """Write down what will be erased; see `ErasingStore.begin_erasing`."""
        with self.writing():
            self.require(keys)
            secret = self._secret()
            entries = {f"{_ERASE}row:{row_id(key)}": "" for key in keys}
            entries |= {f"{_ERASE}name:{keyed_hash(secret, 'name', name)}": "" for name in names}
            if remember:
                rows = self.table.get(list(keys))
                self.log.write(self._tombstones(row.record for row in rows.values()))
            self.log.write(entries)

    def is_erasing(self) -> bool:
        """Whether something was written down by `begin_erasing` and is not done."""
        return bool(self.log.read(prefixes=[_ERASE]))

    def is_unclean(self) -> bool:
        """Whether rows were erased, and Milvus was not asked yet to drop their bytes."""
        return self.meta(_UNCLEAN) is not None

    def keys_to_erase(self) -> list[str]:
        """The rows that were written down and are still there."""
        prefix = f"{_ERASE}row:"
        ids = [name.removeprefix(prefix) for name in self.log.read(prefixes=[prefix])]
        keys: list[str] = []
        for start in range(0, len(ids), _AT_ONCE):
            some = ", ".join(f'"{each}"' for each in ids[start : start + _AT_ONCE])
            keys += [row.record.key for row in self.table.select(f"id in [{some}]")]
        return keys

    def entries_to_redact(self, keys: Sequence[str], names: Sequence[str]) -> int:
        """Number of corrections that `erase_rows` would change or remove."""
        texts = [_texts(entry) for entry in self.correction_entries().values()]
        return sum(1 for _ in redacted(texts, set(keys), set(names)))

    def erase_rows(self) -> int:
        """Delete what was written down; see `ErasingStore.erase_rows`. Every step may be done twice."""
        with self.writing():
            marks, secret, keys = self.log.read(prefixes=[_ERASE]), self._secret(), self.keys_to_erase()
            entries = {entry["id"]: entry for entry in self.correction_entries().values()}
            texts = [_texts(entry) for entry in entries.values()]
            names = {t.text for t in texts if f"{_ERASE}name:{keyed_hash(secret, 'name', t.text)}" in marks}
            changes = list(redacted(texts, set(keys), names))
            for number, changed in changes:
                if changed is None:
                    self.log.delete([entry_name(entries[number])])
                else:
                    less = {name: json.loads(getattr(changed, name)) for name in _TEXTS}
                    self.log.write({entry_name(entries[number]): json.dumps(entries[number] | less)})
            self._set_meta({_UNCLEAN: "1"})
            self.table.delete(keys)
            self.log.delete(list(marks))
            self.log.sweep()
        return len(changes)

    def clean_file(self, wait: float) -> None:
        """Have Milvus compact the segments that held what was erased.

        Raises:
            GalleryBusyError: that takes longer than `wait` seconds; call it again later.

        """
        until = time.monotonic() + wait
        for collection in (self.log, self.table):
            collection.flush()
        for name in (self.table.collection, self.connection.address.name):
            try:
                job = self.connection.call("compact", name)
            except GalleryBusyError:
                raise
            except GalleryFileError:
                continue  # Milvus Lite compacts by itself
            while self.connection.call("get_compaction_state", job) not in ("Completed", 2):
                if time.monotonic() > until:
                    raise GalleryBusyError(
                        "What was forgotten is deleted, but Milvus has not compacted its segments yet",
                        where=self.connection.address,
                        hint="run `stca gallery forget GALLERY` without a key later: it goes on",
                    )
                time.sleep(0.2)

    def end_erasing(self) -> None:
        """What could be done is done."""
        with self.writing():
            self.log.delete([META + _UNCLEAN])

    def unerased(self) -> list[str]:
        """Notes of what could not be erased beside the database; see `ErasingStore.unerased`."""
        return sorted(self.log.read(prefixes=[_UNERASED]).values())

    def change_unerased(self, new: Sequence[str], gone: Sequence[str]) -> None:
        """Add and strike notes; see `ErasingStore.change_unerased`. What is written comes first."""
        with self.writing():
            self.log.write({_note_name(text): text for text in new})
            if gone:
                self._set_meta({_UNCLEAN: "1"})
                self.log.delete([_note_name(text) for text in gone])
                self.log.sweep()

    def import_tombstones(self, secrets: Sequence[str], marks: Sequence[tuple[str, float]]) -> int:
        """Take over another gallery's tombstones; see `ErasingStore.import_tombstones`."""
        if not secrets:
            return 0
        with self.writing():
            self._add_forgotten(secrets, marks)
            lost = []
            for page in self.table.pages((*COLUMNS, "number")):
                records = [from_entity(entity).record for entity in page]
                gone = self.forgotten(records)
                lost += [record.key for record, is_gone in zip(records, gone, strict=True) if is_gone]
            if lost:
                self.begin_erasing(lost, [], remember=True)
        return len(lost)

    # ---- copying ----

    def export_log(self) -> list[dict[str, Any]]:
        """The log of corrections as it is stored; see `stca.gallery.keeping.copying`."""
        return list(self.correction_entries().values())

    def import_log(
        self,
        entries: Sequence[Mapping[str, Any]],
        meta: Mapping[str, str],
        *,
        highest: int = 0,
        log: LogState | None = None,
    ) -> bool:
        """Replace the log of corrections, and write metadata; see `ErasingStore.import_log`.

        Metadata come first: they say what is in the log if this is interrupted, and the next copy goes on.
        """
        with self.writing():
            if log is not None and log != self.log_state():
                return False
            persons = [p for entry in entries for side in ("before", "after") for p in entry[side].values()]
            self.note_persons([*persons, highest])
            self._set_meta(meta)
            mine = {entry_name(entry): json.dumps(dict(entry)) for entry in entries}
            self.log.delete([name for name in self.correction_entries() if name not in mine])
            self.log.write(mine)
            made = max((int(entry["id"]) for entry in entries), default=0)
            undone = sum(entry["undone"] is not None for entry in entries)
            self._set_meta({MADE: str(made), UNDONE: str(undone)})
        return True


def _note_name(text: str) -> str:
    return _UNERASED + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _texts(entry: Mapping[str, Any]) -> LogTexts:
    return LogTexts(entry["id"], entry["kind"], entry["text"], *(json.dumps(entry[name]) for name in _TEXTS))
