"""Copying a gallery to another engine: from a folder to Milvus, from there to a folder, between servers.

Rows are copied in batches in the order of insertion; each batch is whole or not there. What the target has
already is left, so that an interrupted copy goes on where it stopped, and a later one brings what is new.
At the end the two are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stca.errors import GalleryError
from stca.gallery.engine import Vectors
from stca.gallery.gallery import Gallery
from stca.gallery.keeping.forgetting import is_forgetting_unfinished
from stca.gallery.records import Record
from stca.tools.progress import progress

_ORIGIN = "copy of"
"""Metadata of a copy: the id of the gallery that it is a copy of."""
_BATCH = 1000
_SAMPLE = 50
_NEAREST = 10
_LEAST_AGREEMENT = 0.95
"""Of the answers of both: approximate indexes may differ in a few."""
_META = ("calibration", "linkings")


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and how the copy compares.

    Args:
        tracklets: number in both.
        added: of those, how many this call brought.
        rows: number of rows that were compared, bit for bit.
        agreement: fraction of the ten best answers to these rows, without a filter and within one camera,
            that both give.

    """

    tracklets: int
    added: int
    rows: int
    agreement: float

    def __str__(self) -> str:
        return (
            f"{self.added:,} tracklets copied, {self.tracklets:,} in both; {self.rows} compared: equal, and "
            f"{100 * self.agreement:.1f} % of their ten best answers are the same"
        )


def copy_gallery(source: Path | str, target: Path | str, *, wait: float = 60.0) -> Copied:
    """Copy a gallery with its persons, corrections, threshold and what it has forgotten.

    Crops are not copied: records keep the folders they are in.

    Args:
        source: a folder or an address; it stays as it is.
        target: a new folder or address, or one that an earlier call has copied the same gallery to.
        wait: seconds to wait for another process that is writing.

    Raises:
        GalleryError: no gallery at `source`; a forgetting in it is not finished; another gallery at `target`;
            the copy differs, because somebody has changed one of them meanwhile or before.

    """
    with Gallery.open(source, wait=wait) as old:
        if is_forgetting_unfinished(old):
            raise GalleryError(
                "Something is being forgotten, and would be in the copy",
                where=old.where,
                hint="run `stca gallery forget GALLERY` without a key to finish it",
            )
        with Gallery.open(target, model=old.fingerprint, source=old.source, wait=wait) as new:
            _claim(old, new)
            added = _copy_rows(old, new)
            _copy_log(old, new)
            new.refresh()
            return _compare(old, new, added)


def _claim(old: Gallery, new: Gallery) -> None:
    """Mark the target as a copy of the source, unless it is another gallery."""
    identity = old.store.meta("id") or ""
    if new.store.meta("id") == identity:
        raise GalleryError("A gallery cannot be copied to itself", where=new.where)
    origin = new.store.meta(_ORIGIN)
    if origin is None and not len(new) and not new.corrections():
        new.store.set_meta(_ORIGIN, identity)
    elif origin != identity:
        raise GalleryError(
            "There is another gallery already",
            expected="a new place, or an earlier copy of the same gallery",
            found=f"{len(new):,} tracklets",
            where=new.where,
        )


def _copy_rows(old: Gallery, new: Gallery) -> int:
    new.store.import_tombstones(*old.store.forgotten_marks())
    records = list(old.records())
    batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
    label = f"copy {len(records):,} tracklets, {_BATCH} at a time"
    added = 0
    for keys in progress([[record.key for record in batch] for batch in batches], label=label):
        some, vectors = _missing(old, new, keys)
        added += new.add(some, vectors, replace=True).added if some else 0
    return added


def _missing(old: Gallery, new: Gallery, keys: Sequence[str]) -> tuple[list[Record], Vectors]:
    """Records and vectors of those of these tracklets that the target lacks or has otherwise."""
    there = {record.key: record for record in new.take(keys)[0]}
    records, vectors = old.take(keys)
    lacking = [i for i, record in enumerate(records) if there.get(record.key) != record]
    return [records[i] for i in lacking], vectors[lacking]


def _copy_log(old: Gallery, new: Gallery) -> None:
    meta = {name: value for name in _META if (value := old.store.meta(name)) is not None}
    new.store.import_log(old.store.export_log(), meta)
    wanted, found = old.person_numbers(), new.person_numbers()
    keys = wanted.keys() | found.keys()
    moved = {key: wanted.get(key) for key in keys if wanted.get(key) != found.get(key)}
    if moved:
        new.set_persons(moved, anew=False)


def _compare(old: Gallery, new: Gallery, added: int) -> Copied:
    ours, theirs = old.stats(), new.stats()
    counts = [(s.tracklets, s.cameras, s.persons, s.first, s.last, s.hidden) for s in (ours, theirs)]
    if counts[0] != counts[1]:
        expected = f"{ours.tracklets:,} tracklets of the same cameras, times and persons"
        raise _different(new, expected, f"{theirs.tracklets:,}, or others")
    keys = [record.key for record in old.records()]
    chosen = np.random.default_rng().choice(len(keys), min(_SAMPLE, len(keys)), replace=False)
    sample = [keys[i] for i in chosen.tolist()]
    records, vectors = old.take(sample)
    copied, copied_vectors = new.take(sample)
    if records != copied or not np.array_equal(vectors, copied_vectors):
        raise _different(new, "the same records and vectors", "others, in a sample of them")
    same = list(_agreements(old, new, records, vectors))
    agreement = float(np.mean(same)) if same else 1.0
    if agreement < _LEAST_AGREEMENT:
        raise _different(new, "the same answers", f"{100 * agreement:.1f} % of them, in a sample")
    return Copied(ours.tracklets, added, len(records), agreement)


def _agreements(old: Gallery, new: Gallery, records: Sequence[Record], vectors: Vectors) -> Iterator[float]:
    """For each search in both: the fraction of the hits of the first that are among those of the second."""
    for record, vector in zip(records, vectors, strict=True):
        for cameras in (None, (record.camera,)):
            first, second = (
                {hit.key for hit in gallery.search(vector, _NEAREST, cameras=cameras, hidden=True)}
                for gallery in (old, new)
            )
            yield len(first & second) / max(1, len(first))


def _different(new: Gallery, expected: str, found: str) -> GalleryError:
    return GalleryError(
        "The copy differs from the gallery",
        expected=expected,
        found=found,
        where=new.where,
        hint="has somebody changed one of them? copy again, or to a new place",
    )
