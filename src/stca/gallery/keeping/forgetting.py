"""Forgetting tracklets: everywhere in the gallery's folder, their crops, and events of them.

The order survives a crash at any point. What needs the keys comes first (crops, the server's files, events),
then one commit takes the rows and keys out of the database, then its file is cleaned and the index files go.
What is to be done is written down before (`stca.gallery.store.erasing`), without names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stca.gallery.engine import Vector
from stca.gallery.gallery import Gallery
from stca.gallery.index.file import erase_index
from stca.gallery.keeping.crops import ErasedCrops, erase_crops
from stca.gallery.keeping.places import places_missing_here, places_of
from stca.gallery.keeping.server_files import ErasedFromServer, erase_from_server
from stca.gallery.keeping.watch_files import ErasedFromWatch, erase_from_watch, erase_names_from_watch
from stca.gallery.records import Record
from stca.gallery.store.rows import digest, stored_vector
from stca.tools.erasing import erase_tree

_KEPT = "files of the Milvus server, which drops deleted rows by itself: see its options dataCoord.gc"
RESTORING = ".restore-"
"""Folders of copies in a gallery's begin with it; one that is left belongs to a process that was killed."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, or would be.

    Args:
        keys: of the tracklets.
        crops: their folders and crops.
        corrections: entries of the log that lost a tracklet, or went.
        server: what `stca serve` kept.
        index_files: that held their codes.
        watch: what `stca watch` said of them.
        elsewhere: out of reach: a Milvus server's files for a while, noted places that are not here.

    """

    keys: tuple[str, ...] = ()
    crops: ErasedCrops = field(default_factory=ErasedCrops)
    corrections: int = 0
    server: ErasedFromServer = field(default_factory=ErasedFromServer)
    index_files: int = 0
    watch: ErasedFromWatch = field(default_factory=ErasedFromWatch)
    elsewhere: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """What was not erased, and why."""
        return self.crops.left + self.server.left + self.watch.left + self.elsewhere

    def __str__(self) -> str:
        server = self.server
        counts = {
            "tracklets": len(self.keys),
            "crops": self.crops.files,
            "corrections": self.corrections,
            "saved searches": server.searches,
            "lines of the audit log": server.lines,
            "uploads": server.uploads,
            "events": self.watch.events,
            "lines of files of events": self.watch.lines,
            "index files": self.index_files,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"


def forget(
    gallery: Gallery,
    keys: Sequence[str],
    *,
    names: Sequence[str] = (),
    remember: bool = True,
    dry_run: bool = False,
    wait: float = 60.0,
) -> Forgotten:
    """Forget tracklets, and finish what an interrupted call left.

    Erased are their rows, vectors, crops with side files, rows in `tracks.txt` and zones, index files, what
    corrections, saved searches, the audit log and events say of them, and all uploads; freed parts of files
    are overwritten. Tombstones keep `add` from adding them again.

    Args:
        gallery: that may be written; others may have it open.
        keys: of its tracklets.
        names: of persons, to be erased from the log of corrections.
        remember: whether to set tombstones.
        dry_run: only say what would be erased.
        wait: seconds to wait for others to end a read or a write.

    Raises:
        GalleryError: a missing key (then nothing is done); a read-only gallery; somebody reads or writes for
            longer than `wait`: call it again.

    """
    keys = tuple(dict.fromkeys(keys))
    for key in keys:
        gallery.require_key(key)
    if dry_run:
        return _erased_before(gallery, keys, names, wait=wait, dry_run=True)
    erase_names_from_watch(gallery, names, wait=wait)
    if keys or names:
        gallery.store.begin_erasing(keys, names, remember=remember)
    return finish_forgetting(gallery, wait=wait)


def finish_forgetting(gallery: Gallery, *, wait: float = 60.0) -> Forgotten:
    """Finish what an interrupted `forget` left; nothing happens if there is nothing.

    Raises:
        GalleryError: as `forget`.

    """
    store = gallery.store
    done = Forgotten()
    if store.is_erasing():
        done = _erased_before(gallery, store.keys_to_erase(), (), wait=wait, dry_run=False)
        done = replace(done, corrections=store.erase_rows())
    if store.is_unclean():
        store.clean_file(wait)
        files = 0 if store.folder is None else _erase_files(store.folder)
        store.end_erasing()
        kept = () if store.folder is not None else (_KEPT,)
        done = replace(done, index_files=files, elsewhere=done.elsewhere + kept)
        if files:
            gallery.refresh()  # make it anew
    return done


def _erase_files(folder: Path) -> int:
    """Erase index files, and copies that an interrupted restore left; returns the number of the former."""
    for copy in folder.glob(f"{RESTORING}*"):
        erase_tree(copy)
    return erase_index(folder)


def is_forgetting_unfinished(gallery: Gallery) -> bool:
    """Whether an interrupted `forget` left something."""
    return gallery.store.is_erasing() or gallery.store.is_unclean()


def _erased_before(
    gallery: Gallery, keys: Sequence[str], names: Sequence[str], *, wait: float, dry_run: bool
) -> Forgotten:
    """What lies outside of the database and has to go before the keys do."""
    records = [_record(*found) for key in keys if (found := gallery.get(key)) is not None]
    done = Forgotten(
        tuple(keys),
        erase_crops(records, dry_run=dry_run),
        gallery.store.entries_to_redact(keys, names) if dry_run else 0,
    )
    return replace(
        done,
        watch=erase_from_watch(gallery, keys, wait=wait, dry_run=dry_run),
        server=sum(
            (
                erase_from_server(folder, keys, wait=wait, dry_run=dry_run)
                for folder in places_of(gallery, "server")
            ),
            ErasedFromServer(),
        ),
        elsewhere=tuple(f"{path}: noted, and not here" for path in places_missing_here(gallery)),
    )


def _record(record: Record, vector: Vector) -> Record:
    """A record whose `content` is a digest of its crops, or empty where it is one of its vector."""
    of_vector = digest(stored_vector(vector))
    return replace(record, content="") if record.content == of_vector else record
