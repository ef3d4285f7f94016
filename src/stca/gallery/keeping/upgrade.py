"""Bringing galleries of earlier versions up to date."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.index.file import erase_index, is_current
from stca.gallery.store.corrections import LOG_SCHEMA
from stca.gallery.store.erasing import ERASING_SCHEMA
from stca.gallery.store.file import FILE, has_clock, open_file
from stca.gallery.store.sqlite import connect, sqlite_errors
from stca.gallery.store.tombstones import FORGOTTEN_SCHEMA

_TABLES = {
    "corrections": ("the log of corrections by people", LOG_SCHEMA),
    "forgotten": ("what was forgotten and is not added again", FORGOTTEN_SCHEMA),
    "erasing": ("what is being forgotten", ERASING_SCHEMA),
}


def upgrade(gallery: Path) -> list[str]:
    """Add what this version's galleries have; earlier versions' answers stay the same.

    Galleries are upgraded without this too, by the first write that needs a table. A second call changes
    nothing.

    Args:
        gallery: its folder.

    Returns:
        what changed, for people.

    Raises:
        GalleryError: no gallery there, or one of a later version; a read-only folder.

    """
    changed = []
    with sqlite_errors(gallery):
        if (gallery / FILE).is_file():
            with closing(connect(gallery / FILE, "ro", 60.0)) as before:
                tables = before.execute("SELECT 1 FROM sqlite_master WHERE name = 'tracklets'").fetchone()
                if tables and not has_clock(before):
                    changed.append("tracklets: which clock their times are of")
        db, writable = open_file(gallery)  # adds that column
        with closing(db):
            known = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            missing = [name for name in _TABLES if name not in known]
            if missing and not writable:
                raise GalleryError("This gallery can only be read", where=gallery)
            if missing:
                db.execute("BEGIN IMMEDIATE")
                for name in missing:
                    db.execute(_TABLES[name][1])
                db.execute("COMMIT")
            changed += [f"a table for {_TABLES[name][0]}" for name in missing]
    if not is_current(gallery):
        erase_index(gallery)
        changed.append("the index of an earlier version removed; the next search makes it anew")
    return changed
