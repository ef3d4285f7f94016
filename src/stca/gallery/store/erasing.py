"""Erasing rows from a gallery's file, so that their bytes are nowhere in it, also after a crash in between.

What is to be erased is written down first, as keyed hashes (table `erasing`), and crossed out with the rows.
From then until the file is clean, the metadata `unclean` says so. Whoever erases next finishes that first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from stca.errors import GalleryError
from stca.gallery.store.cleaning import InUseError, checkpoint, clean
from stca.gallery.store.corrections import LOG_SCHEMA, CorrectedStore
from stca.gallery.store.file import FILE, bytes_on_disk_of
from stca.gallery.store.interface import LogState
from stca.gallery.store.redacting import LogTexts, redacted
from stca.gallery.store.tombstones import keyed_hash

ERASING_SCHEMA = "CREATE TABLE IF NOT EXISTS erasing (mark TEXT PRIMARY KEY) WITHOUT ROWID"
_UNERASED_SCHEMA = "CREATE TABLE IF NOT EXISTS unerased (text TEXT PRIMARY KEY) WITHOUT ROWID"
_UNCLEAN = "unclean"
_LOG = 'id, kind, text, keys, others, "before", "after", contents'
_JSON = ("keys", "others", "before", "after", "contents")
_NAMES = ("id", "time", "kind", "text", "author", "undone", "linking", *_JSON)
_ENTRY = tuple(f'"{name}"' for name in _NAMES)
_CHANGED = 'keys = ?, others = ?, "before" = ?, "after" = ?, contents = ?'


class ErasingStore(CorrectedStore):
    """A `CorrectedStore` whose rows can be erased, in the order of the methods here."""

    def begin_erasing(self, keys: Sequence[str], names: Sequence[str], *, remember: bool) -> None:
        """Write down what will be erased.

        Args:
            keys: of tracklets.
            names: of persons.
            remember: whether to set tombstones, so that they are not added again from now on.

        Raises:
            GalleryError: a key is missing; then nothing is written.

        """
        with self._write_transaction():
            rows = [self._require_row(key) for key in keys]
            secret = self._secret()
            self._db.execute(ERASING_SCHEMA)
            marks = [keyed_hash(secret, "row", key) for key in keys]
            marks += [keyed_hash(secret, "name", name) for name in names]
            self._db.executemany("INSERT OR IGNORE INTO erasing VALUES (?)", [(mark,) for mark in marks])
            if remember:
                self._set_tombstones(self.records_of(rows).values())

    def is_erasing(self) -> bool:
        """Whether something was written down by `begin_erasing` and is not done."""
        return bool(self._marks())

    def is_unclean(self) -> bool:
        """Whether rows were erased, and their bytes may still be in a file."""
        return self.meta(_UNCLEAN) is not None

    def keys_to_erase(self) -> list[str]:
        """The rows that were written down and are still there."""
        marks, secret = self._marks(), (self._secrets() or [""])[0]
        keys = [row[0] for row in self._query("SELECT key FROM tracklets ORDER BY id")] if marks else []
        return [key for key in keys if keyed_hash(secret, "row", key) in marks]

    def entries_to_redact(self, keys: Sequence[str], names: Sequence[str]) -> int:
        """Number of corrections that `erase_rows` would change or remove."""
        with self.read_transaction():
            return sum(1 for _ in redacted(self._log_texts(), set(keys), set(names)))

    def erase_rows(self) -> int:
        """Delete what was written down: rows, vectors, keys and names in the log of corrections.

        Returns:
            the number of corrections that changed or went.

        """
        self._db.execute("PRAGMA secure_delete = ON")
        with self._write_transaction():
            marks, secret = self._marks(), self._secret()
            keys, log = self.keys_to_erase(), self._log_texts()
            names = {entry.text for entry in log if keyed_hash(secret, "name", entry.text) in marks}
            for key in keys:
                self._delete_row(self._require_row(key))
            changes = list(redacted(log, set(keys), names))
            for number, entry in changes:
                if entry is None:
                    self._db.execute("DELETE FROM corrections WHERE id = ?", (number,))
                else:
                    self._db.execute(f"UPDATE corrections SET {_CHANGED} WHERE id = ?", (*entry[3:], number))
            self._db.execute("DELETE FROM erasing")
            self._count_change(removed=len(keys))
            self._begin_era()
            self._set_meta(_UNCLEAN, "1")
        return len(changes)

    def clean_file(self, wait: float) -> None:
        """Rewrite the file without free pages, and overwrite its log and what is behind its end.

        Args:
            wait: seconds to wait for others to end a read or a write.

        Raises:
            GalleryError: somebody reads or writes for longer; call it again later.

        """
        with self._exclusive():
            try:
                clean(self._db, self.folder / FILE, wait)
            except InUseError as error:
                raise GalleryError(
                    "What was forgotten is gone from the gallery, but not yet from its files",
                    expected="that nobody reads or writes for a moment",
                    found="another process that does; the bytes of what was forgotten may still be in "
                    f"{FILE}, {FILE}-wal and index.faiss",
                    where=self.folder,
                    hint="let it end, then run `stca gallery forget GALLERY` without a key: it goes on",
                ) from error

    def begin_era(self) -> None:
        """Make indexes of before void."""
        with self._write_transaction():
            self._begin_era()

    def import_tombstones(self, secrets: Sequence[str], marks: Sequence[tuple[str, float]]) -> int:
        """Take over another gallery's tombstones, and write down for erasing the rows that they are for.

        Args:
            secrets: of the other gallery (`forgotten_marks`).
            marks: likewise.

        Returns:
            the number of rows.

        """
        if not secrets:
            return 0
        with self._write_transaction():
            self._add_secrets(secrets)
            self._add_marks(marks)
            records = self.records()
            lost = [r.key for r, gone in zip(records, self.forgotten(records), strict=True) if gone]
        if lost:
            self.begin_erasing(lost, [], remember=True)
        return len(lost)

    def replace_all(self, other: ErasingStore, wait: float) -> None:
        """Replace everything in this file by the content of another one, in one transaction, and clean it.

        Raises:
            GalleryError: somebody reads or writes for longer than `wait` seconds.

        """
        with self._exclusive(), other._exclusive():
            other._db.backup(self._db)
        self.clean_file(wait)

    def end_erasing(self) -> None:
        """The file is clean, and so are the index files."""
        with self._write_transaction():
            self._db.execute("DELETE FROM meta WHERE name = ?", (_UNCLEAN,))
        with suppress(InUseError), self._exclusive():
            checkpoint(self._db, "TRUNCATE")

    def unerased(self) -> list[str]:
        """Notes of what could not be erased beside the database (`stca.gallery.keeping.unerased`)."""
        if not self._has_table("unerased"):
            return []
        return [text for (text,) in self._query("SELECT text FROM unerased ORDER BY text")]

    def change_unerased(self, new: Sequence[str], gone: Sequence[str]) -> None:
        """Add and strike notes in one commit; the file is unclean where some were struck."""
        self._db.execute("PRAGMA secure_delete = ON")
        with self._write_transaction():
            self._db.execute(_UNERASED_SCHEMA)
            self._db.executemany("DELETE FROM unerased WHERE text = ?", [(text,) for text in gone])
            self._db.executemany("INSERT OR IGNORE INTO unerased VALUES (?)", [(text,) for text in new])
            if gone:
                self._set_meta(_UNCLEAN, "1")

    # ---- copying, and what else `GalleryStore` asks for ----

    def export_log(self) -> list[dict[str, Any]]:
        """The log of corrections with every column; lists and persons by key are no longer JSON."""
        with self.read_transaction():
            if not self._has_log():
                return []
            rows = self._query(f"SELECT {', '.join(_ENTRY)} FROM corrections ORDER BY id")
        return [_parsed(dict(zip(_NAMES, row, strict=True))) for row in rows]

    def import_log(
        self,
        entries: Sequence[Mapping[str, Any]],
        meta: Mapping[str, str],
        *,
        highest: int = 0,
        log: LogState | None = None,
    ) -> bool:
        """Replace the log of corrections, and write metadata, in one commit.

        Args:
            entries: as `export_log` gives them.
            meta: by name.
            highest: number of a person up to which none is free, beside those that are taken here.
            log: write nothing if `log_state` is another by now.

        Returns:
            whether it was written.

        """
        with self._write_transaction():
            if log is not None and log != self.log_state():
                return False
            self._reserve(max(highest, self.free_number() - 1))
            self._db.execute(LOG_SCHEMA)
            self._db.execute("DELETE FROM corrections")
            for entry in entries:
                persons = [*entry["before"].values(), *entry["after"].values()]
                values = {**entry, "highest": max([0, *(p for p in persons if p is not None)])}
                texts = {name: json.dumps(values[name]) for name in _JSON}
                self._db.execute(
                    f"INSERT INTO corrections ({', '.join((*_ENTRY, 'highest'))}) "
                    f"VALUES ({', '.join('?' * (len(_ENTRY) + 1))})",
                    [(values | texts)[name] for name in (*_NAMES, "highest")],
                )
            for name, value in meta.items():
                self._set_meta(name, value)
            self._count_change()
        return True

    def rows(self) -> int:
        """Number of tracklets."""
        return int(self._query("SELECT count(*) FROM tracklets")[0][0])

    def bytes_on_disk(self) -> int:
        """Size of all files of the gallery's folder."""
        return bytes_on_disk_of(self.folder)

    def _marks(self) -> set[str]:
        if not self._has_table("erasing"):
            return set()
        return {row[0] for row in self._query("SELECT mark FROM erasing")}

    def _has_table(self, name: str) -> bool:
        found = self._query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,))
        return bool(found)

    def _log_texts(self) -> list[LogTexts]:
        return (
            [LogTexts(*row) for row in self._query(f"SELECT {_LOG} FROM corrections")]
            if self._has_log()
            else []
        )


def _parsed(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: json.loads(row[name]) for name in _JSON}
