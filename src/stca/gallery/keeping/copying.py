"""Copying a gallery to another engine: from a folder to Milvus, from there to a folder, between servers.

Rows are copied in batches in the order of insertion; each batch is whole or not there. What the target has
already, with the same record and vector, is left, so that an interrupted copy goes on where it stopped, and
a later one brings what is new. At the end the two are compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stca.errors import GalleryError
from stca.gallery.engine import Vector, Vectors
from stca.gallery.gallery import Gallery
from stca.gallery.keeping.forgetting import finish_forgetting, is_forgetting_unfinished
from stca.gallery.keeping.targets import require_outside
from stca.gallery.records import Record
from stca.gallery.store.interface import LogState
from stca.tools.progress import progress

_ORIGIN = "copy of"
"""Metadata of a copy: the id of the gallery that it is a copy of."""
_COPIED = "copied log"
"""Metadata of a copy: what `_state_of` said of the log that was copied last, as JSON."""
_BATCH = 1000
_SAMPLE = 50
_NEAREST = 10
_LEAST_AGREEMENT = 0.95
"""Of the answers of both: approximate indexes may differ in a few."""
_ROUNDING = 1e-6
"""By how much a number of a vector may differ: adding it scales it to unit length once more."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied, and how the copy compares.

    Args:
        tracklets: number in both.
        added: of those, how many this call brought.
        rows: number of rows whose records and vectors were compared at the end.
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


def copy_gallery(
    source: Path | str, target: Path | str, *, overwrite: bool = False, wait: float = 60.0
) -> Copied:
    """Copy a gallery with its persons, corrections, threshold and what it has forgotten.

    Crops are not copied: records keep the folders they are in. What was forgotten in the source is forgotten
    in an earlier copy too (`stca.gallery.keeping.forget`).

    Args:
        source: a folder or an address; it stays as it is.
        target: a new folder or address, or one that an earlier call has copied the same gallery to.
        overwrite: take the source's persons and corrections, also where those of the target were changed.
        wait: seconds to wait for another process that is writing.

    Raises:
        GalleryError: no gallery at `source`; a forgetting in it is not finished; another gallery at `target`,
            or a place inside `source`; persons of the target were corrected or linked since, and not
            `overwrite`; the copy differs, because somebody has changed one of them meanwhile or before.

    """
    require_outside(target, source, what="A copy")
    with Gallery.open(source, wait=wait) as old:
        if is_forgetting_unfinished(old):
            raise GalleryError(
                "Something is being forgotten, and would be in the copy",
                where=old.where,
                hint="run `stca gallery forget GALLERY` without a key to finish it",
            )
        with Gallery.open(target, model=old.fingerprint, source=old.source, wait=wait) as new:
            _claim(old, new)
            if not overwrite:
                _require_uncorrected(new)
            new.store.import_tombstones(*old.store.forgotten_marks())
            finish_forgetting(new, wait=wait)
            added = _copy_rows(old, new)
            _copy_log(old, new, overwrite=overwrite)
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


def _state_of(entries: Sequence[Mapping[str, Any]], linkings: int) -> dict[str, Any]:
    """The highest id of a log of corrections, the ids that are undone, and how often persons were numbered.

    Forgetting takes entries out of a log, so that their number says nothing.
    """
    undone = sorted(entry["id"] for entry in entries if entry["undone"] is not None)
    return {"made": max((e["id"] for e in entries), default=0), "undone": undone, "linkings": linkings}


def _require_uncorrected(new: Gallery) -> LogState:
    """The state of the target's log, in which nothing has happened since the last copy.

    Raises:
        GalleryError: something has.

    """
    state = new.log_state()
    now = _state_of(new.store.export_log(), new.linkings())
    text = new.store.meta(_COPIED)
    then = json.loads(text) if text else _state_of([], 0)
    if (
        now["made"] > then["made"]
        or not set(now["undone"]) <= set(then["undone"])
        or now["linkings"] != then["linkings"]
    ):
        raise _corrected(new)
    return state


def _corrected(new: Gallery) -> GalleryError:
    return GalleryError(
        "The copy was corrected since it was made, and copying again would undo that",
        expected="persons and corrections as they were copied",
        found="others",
        where=new.where,
        hint="--overwrite (overwrite=True) takes the source's; or copy to a new place",
    )


def _copy_rows(old: Gallery, new: Gallery) -> int:
    every = [record.key for record in old.records()]
    batches = [every[start : start + _BATCH] for start in range(0, len(every), _BATCH)]
    added = 0
    for keys in progress(batches, label=f"copy {len(every):,} tracklets, {_BATCH} at a time"):
        some, vectors, wrong = _missing(old, new, keys)
        if wrong:
            new.remove(*wrong)
        added += new.add(some, vectors, replace=True).added if some else 0
    return added


def _missing(old: Gallery, new: Gallery, keys: Sequence[str]) -> tuple[list[Record], Vectors, list[str]]:
    """Records and vectors of those of these tracklets that the target lacks or has otherwise.

    Returns:
        these, and the keys of those that it has with another vector, which adding alone would not replace.

    """
    there = {record.key: (record, vector) for record, vector in zip(*new.take(keys), strict=True)}
    records, vectors = old.take(keys)
    wrong = {
        record.key
        for record, vector in zip(records, vectors, strict=True)
        if record.key in there and not _same(vector, there[record.key][1])
    }
    lacking = [
        i
        for i, record in enumerate(records)
        if record.key in wrong or record.key not in there or there[record.key][0] != record
    ]
    return [records[i] for i in lacking], vectors[lacking], sorted(wrong)


def _same(one: Vector | Vectors, other: Vector | Vectors) -> bool:
    return bool(np.allclose(one, other, rtol=0, atol=_ROUNDING))


def _copy_log(old: Gallery, new: Gallery, *, overwrite: bool) -> None:
    state = None if overwrite else _require_uncorrected(new)
    entries, linkings = old.store.export_log(), old.linkings()
    meta = {"linkings": str(linkings), _COPIED: json.dumps(_state_of(entries, linkings))}
    if (calibration := old.store.meta("calibration")) is not None:
        meta["calibration"] = calibration
    if not new.store.import_log(entries, meta, highest=old.store.free_number() - 1, log=state):
        raise _corrected(new)
    state = new.log_state()
    wanted, found = old.person_numbers(), new.person_numbers()
    keys = wanted.keys() | found.keys()
    moved = {key: wanted.get(key) for key in keys if wanted.get(key) != found.get(key)}
    if moved and not new.set_persons(moved, log=state, anew=False):
        raise _corrected(new)


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
    if records != copied or not _same(vectors, copied_vectors):
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
