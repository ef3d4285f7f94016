"""Forgetting tracklets: everywhere in the gallery's folder, their crops, and events of them.

The order survives a crash at any point. What needs the keys comes first (crops, the server's files, events),
then one commit takes the rows and keys out of the database, then its file is cleaned and the index files go.
What is to be done is written down before (`stca.gallery.store.erasing`), without names. What cannot be erased
is noted (`unerased`), and tried again by every later call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stca.gallery.engine import Vector
from stca.gallery.gallery import Gallery
from stca.gallery.index.file import index_files
from stca.gallery.keeping.crops import ErasedCrops, erase_crops, erase_crops_again
from stca.gallery.keeping.places import places_missing_here, places_of
from stca.gallery.keeping.server_files import ErasedFromServer, erase_from_server
from stca.gallery.keeping.unerased import Unerased, note_unerased, read_unerased
from stca.gallery.keeping.watch_files import (
    ErasedFromWatch,
    erase_from_watch,
    erase_lines_again,
    erase_names_from_watch,
)
from stca.gallery.records import Record
from stca.gallery.store.rows import digest, stored_vector
from stca.tools.erasing import erase_file, erase_tree

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
        index_left: index files that were not erased, and why; every later call tries again.
        pages_left: likewise, of pages of `stca find`.
        away: what was noted before and lies where nothing is now, e.g. on a disk that is not mounted.

    """

    keys: tuple[str, ...] = ()
    crops: ErasedCrops = field(default_factory=ErasedCrops)
    corrections: int = 0
    server: ErasedFromServer = field(default_factory=ErasedFromServer)
    index_files: int = 0
    watch: ErasedFromWatch = field(default_factory=ErasedFromWatch)
    elsewhere: tuple[str, ...] = ()
    index_left: tuple[str, ...] = ()
    pages_left: tuple[Unerased, ...] = ()
    away: tuple[Unerased, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """What was not erased, and why."""
        pages = tuple(map(str, self.pages_left))
        left = self.crops.left + self.server.left + self.watch.left + self.index_left + pages
        return tuple(dict.fromkeys(left + self.elsewhere))

    @property
    def unerased(self) -> tuple[Unerased, ...]:
        """What of it is noted, and tried again by the next `forget` or `expire`."""
        return self.crops.unerased + self.watch.unerased + self.pages_left + self.away

    @property
    def tried_again(self) -> tuple[str, ...]:
        """What of `left` the next `forget` or `expire` tries again."""
        return tuple(dict.fromkeys([*map(str, self.unerased), *self.index_left]))

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
    are overwritten. Tombstones keep `add` from adding them again. What cannot be erased is noted in the
    gallery and tried again by every later call, of `expire` too, until it is gone.

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
        return _plus(
            _erased_again(list(read_unerased(gallery).values()), dry_run=True),
            _erased_before(gallery, keys, names, wait=wait, dry_run=True),
        )
    note_unerased(gallery, erase_names_from_watch(gallery, names, wait=wait).unerased)
    if keys or names:
        gallery.store.begin_erasing(keys, names, remember=remember)
    return finish_forgetting(gallery, wait=wait)


def finish_forgetting(gallery: Gallery, *, wait: float = 60.0) -> Forgotten:
    """Finish what an interrupted `forget` left, and try again what could not be erased.

    Raises:
        GalleryError: as `forget`.

    """
    store = gallery.store
    noted = read_unerased(gallery)
    done = _erased_again(list(noted.values()), dry_run=False)
    note_unerased(gallery, done.unerased, instead_of=list(noted))
    if store.is_erasing():
        more = _erased_before(gallery, store.keys_to_erase(), (), wait=wait, dry_run=False)
        note_unerased(gallery, more.unerased)  # before the rows go that say what it is
        done = replace(_plus(done, more), corrections=store.erase_rows())
    if store.is_unclean():
        store.clean_file(wait)
        files, left = (0, ()) if store.folder is None else _erase_files(store.folder)
        if not left:
            store.end_erasing()
        kept = () if store.folder is not None else (_KEPT,)
        done = replace(done, index_files=files, index_left=left, elsewhere=done.elsewhere + kept)
        if files and not left:
            gallery.refresh()  # make it anew
    return done


def _erase_files(folder: Path) -> tuple[int, tuple[str, ...]]:
    """Erase index files, and copies that an interrupted restore left.

    Returns:
        The number of the former, and what could not be erased, and why.

    """
    erased, left = 0, []
    for copy in folder.glob(f"{RESTORING}*"):
        try:
            erase_tree(copy)
        except OSError as error:
            left.append(f"{copy}: {error.strerror}")
    for path in index_files(folder):
        try:
            erase_file(path)
            erased += 1
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
    return erased, tuple(left)


def is_forgetting_unfinished(gallery: Gallery) -> bool:
    """Whether an interrupted `forget` left something in the gallery itself."""
    return gallery.store.is_erasing() or gallery.store.is_unclean()


def what_is_unerased(gallery: Gallery) -> tuple[str, ...]:
    """What could not be erased and is tried again by the next `forget` or `expire`, and why."""
    return tuple(map(str, read_unerased(gallery).values()))


def erase_page(gallery: Gallery, page: Path) -> tuple[Unerased, ...]:
    """Erase a page of `stca find`; where that is not possible, note it, and return the note."""
    left = _erase_page(page)
    note_unerased(gallery, left)
    return left


def _erase_page(page: Path) -> tuple[Unerased, ...]:
    try:
        erase_file(page)
    except OSError as error:
        why = error.strerror or str(error)
        return (Unerased("page", page.absolute(), why, {"changed": _changed(page)}),)
    return ()


def _changed(page: Path) -> int | None:
    """By which a page that was written anew since is known."""
    return page.stat().st_mtime_ns if page.exists() else None


def _erased_again(some: Sequence[Unerased], *, dry_run: bool) -> Forgotten:
    """What earlier calls could not erase."""
    away = [each for each in some if _is_away(each)]
    here = [each for each in some if each not in away]
    pages = (left for each in here if each.kind == "page" for left in _page_again(each, dry_run=dry_run))
    return Forgotten(
        crops=erase_crops_again([each for each in here if each.kind in ("crops", "rows")], dry_run=dry_run),
        watch=erase_lines_again([each for each in here if each.kind == "events"], dry_run=dry_run),
        pages_left=tuple(pages),
        elsewhere=tuple(f"{each.path}: its folder is not here now" for each in away),
        away=tuple(away),
    )


def _is_away(each: Unerased) -> bool:
    """Whether even the folder around it is missing: a disk that is not mounted, or all was erased by hand."""
    try:
        return not each.path.parent.is_dir()
    except OSError:
        return False


def _page_again(page: Unerased, *, dry_run: bool) -> tuple[Unerased, ...]:
    try:
        if not page.path.exists() or _changed(page.path) != page.facts["changed"]:
            return ()
    except OSError as error:
        return (replace(page, why=error.strerror or str(error)),)
    return (page,) if dry_run else _erase_page(page.path)


def _plus(again: Forgotten, now: Forgotten) -> Forgotten:
    """Both together; `again` is of `_erased_again`."""
    return replace(
        now,
        crops=again.crops + now.crops,
        watch=again.watch + now.watch,
        pages_left=again.pages_left,
        elsewhere=again.elsewhere + now.elsewhere,
        away=again.away,
    )


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
