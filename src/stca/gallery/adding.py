"""From folders of crops to rows of a gallery: look what is new, embed it, commit it, some at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import numpy as np
from jaxtyping import Float32

from stca.embedding import Embedder, open_embedder
from stca.errors import ConfigError, DatasetError, GalleryError
from stca.gallery.calibration import Judged
from stca.gallery.gallery import Gallery
from stca.gallery.records import Added, Record
from stca.models import ReIDModel
from stca.tools.progress import progress
from stca.tracklets import Tracklet
from stca.tracks import FoundTracklet, find_tracklets

_AT_ONCE = 128
_LEAST_FRAMES = 4


def add_tracklets(
    gallery: Gallery,
    model: ReIDModel,
    tracklets: Sequence[FoundTracklet],
    *,
    replace: bool = False,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
) -> Added:
    """Embed what is new and put it into the gallery, 128 tracklets to a commit.

    Of tracklets that are there with the same crops, camera, times, label and folder are brought up to date.

    What was committed is kept, whatever happens later; the same call again goes on where it was.

    Args:
        gallery: opened with this model.
        model: that embeds.
        tracklets: as `stca.tracks.find_tracklets` finds them.
        replace: put a tracklet with other frames in the place of one with the same key.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: processes that decode.

    Raises:
        GalleryError: a key is there with other frames, or two folders have the same key (nothing is embedded
            then); a full disk.
        DatasetError: a tracklet without any readable frame.
        ConfigError: int8.

    """
    tracklets = _each_once(gallery, tracklets)
    contents = {found.key: content_of(found) for found in tracklets}
    known = gallery.known(list(contents))
    todo = [found for found in tracklets if known.get(found.key) != contents[found.key]]
    other = [found.key for found in todo if found.key in known]
    if other and not replace:
        raise GalleryError(
            f"The gallery has {len(other)} of these tracklets with other frames",
            expected="the same frames as when they were added",
            found=f"first {other[0]!r}",
            where=gallery.path,
            hint="--replace (replace=True) puts the new ones in their place; tracklets of another video need "
            "a camera folder of another name",
        )
    same = [found for found in tracklets if known.get(found.key) == contents[found.key]]
    updated = gallery.update([record_of(found, contents[found.key]) for found in same])
    done = Added(skipped=len(same) - updated, updated=updated)
    for part, vectors in _in_parts(
        gallery,
        model,
        todo,
        label=f"embed and add {len(todo)} tracklets",
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    ):
        records = [record_of(found, contents[found.key]) for found in part]
        done += gallery.add(records, vectors, replace=replace)
    gallery.refresh()
    return done


def _each_once(gallery: Gallery, tracklets: Sequence[FoundTracklet]) -> list[FoundTracklet]:
    """Several folders may have been searched: each has unique keys, all together may not."""
    unique: dict[str, FoundTracklet] = {}
    for found in tracklets:
        other = unique.setdefault(found.key, found)
        if other.folder != found.folder:
            raise GalleryError(
                "Two of these tracklets have the same key",
                expected="camera folder/tracklet folder to be unique in a gallery",
                found=f"{found.key}: {other.folder}, {found.folder}",
                where=gallery.path,
                hint="give the camera folders different names",
            )
    return list(unique.values())


def embed(
    gallery: Gallery,
    model: ReIDModel,
    tracklets: Sequence[FoundTracklet],
    *,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
) -> Float32[np.ndarray, "N D"]:
    """One vector per tracklet, in the way the gallery's own were made.

    Raises:
        DatasetError: a tracklet without any readable frame.
        ConfigError: int8.

    """
    asked = _to_embed(tracklets)
    with _open(gallery, model, asked, device, precision) as embedder:
        return embedder.embed(asked, batch_size=batch_size, workers=workers, label="").vectors


def _to_embed(tracklets: Sequence[FoundTracklet]) -> list[Tracklet]:
    return [Tracklet(found.frames, 0, 0, found.key) for found in tracklets]


def _open(
    gallery: Gallery, model: ReIDModel, tracklets: Sequence[Tracklet], device: str, precision: str
) -> AbstractContextManager[Embedder]:
    if precision == "int8":
        raise ConfigError(
            "A gallery's vectors are not computed in int8",
            expected="float32, bf16 or auto",
            found="int8, whose scales each search would choose anew, by the query",
            hint="precision=bf16",
        )
    return open_embedder(
        model,
        tracklets,
        clip_len=gallery.mark.clip_len or None,
        neck=gallery.mark.neck,
        device=device,
        precision=precision,
    )


def halves(
    gallery: Gallery,
    model: ReIDModel,
    *,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int = 16,
    workers: int = 2,
    limit: int = 5000,
) -> Judged:
    """The gallery's tracklets cut in two in time, each half a tracklet of its own, embedded anew.

    A half has its whole tracklet's times: the later half of one and the earlier half of another are of
    different people where the wholes were seen at the same time.

    Args:
        gallery: whose tracklets have their crops where they were.
        model: the gallery's.
        device: "auto", "cpu" or "cuda".
        precision: as `add_tracklets`.
        batch_size: clips per forward pass.
        workers: processes that decode.
        limit: so many tracklets at most, spread evenly.

    Raises:
        GalleryError: no tracklet is long enough, or none has its crops any more.

    """
    chosen: list[tuple[Record, FoundTracklet]] = []
    records = [record for record in gallery.records() if record.first is not None]
    for record in records[:: max(1, -(-len(records) // limit))]:
        found = pictures(record)
        if found is not None and len(found.frames) >= 2 * _LEAST_FRAMES:
            chosen.append((record, found))
    if not chosen:
        raise GalleryError(
            "No tracklet of the gallery can be cut in two",
            expected=f"times, and at least {2 * _LEAST_FRAMES} crops where they were when it was added",
            found=f"{len(gallery)} tracklets, {len(records)} with times",
            where=gallery.path,
            hint="--labels FILE.csv with columns key,person",
        )
    cut = [half for _, found in chosen for half in _cut(found)]
    parts = _in_parts(
        gallery,
        model,
        cut,
        label="embed halves",
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
    )
    vectors = np.concatenate([vectors for _, vectors in parts])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Judged(
        tuple(record for record, _ in chosen for _ in range(2)),
        vectors,
        np.repeat(np.arange(len(chosen), dtype=np.int64), 2),
        complete=False,
    )


def _in_parts(
    gallery: Gallery,
    model: ReIDModel,
    tracklets: list[FoundTracklet],
    *,
    label: str,
    device: str,
    precision: str,
    batch_size: int,
    workers: int,
) -> Iterator[tuple[list[FoundTracklet], Float32[np.ndarray, "n D"]]]:
    """Some at a time and their vectors, all by one runtime, which is opened once."""
    if not tracklets:
        return
    with _open(gallery, model, _to_embed(tracklets), device, precision) as embedder:
        parts = [tracklets[start : start + _AT_ONCE] for start in range(0, len(tracklets), _AT_ONCE)]
        for part in progress(parts, label=label):
            embedded = embedder.embed(_to_embed(part), batch_size=batch_size, workers=workers, label="")
            yield part, embedded.vectors


def _cut(found: FoundTracklet) -> tuple[FoundTracklet, FoundTracklet]:
    middle = len(found.frames) // 2
    first, second = found.frames[:middle], found.frames[middle:]
    return (
        FoundTracklet(f"{found.key}, first half", found.folder, found.camera, first, None),
        FoundTracklet(f"{found.key}, second half", found.folder, found.camera, second, None),
    )


def pictures(record: Record) -> FoundTracklet | None:
    """A record's crops; None where they are not there any more."""
    if record.folder is None:
        return None
    try:
        return next((f for f in find_tracklets(record.folder) if f.folder == record.folder), None)
    except DatasetError:
        return None


def record_of(found: FoundTracklet, content: str = "") -> Record:
    """What a gallery keeps of a tracklet's folder."""
    known = found.record
    clock = f"{found.folder.parent.name}/{known.video}" if known and known.start is None else ""
    return Record(
        key=found.key,
        camera=found.camera,
        first=known.first if known else None,
        last=known.last if known else None,
        person=known.person if known else None,
        label=known.person if known else None,
        folder=found.folder,
        frames=len(found.frames),
        content=content,
        clock=clock,
    )


def content_of(found: FoundTracklet) -> str:
    """A digest of the crops and their names.

    Raises:
        DatasetError: one of them cannot be read.

    """
    digest = hashlib.blake2b(digest_size=16)
    for path in found.frames:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DatasetError("Cannot read a crop", found=error.strerror, where=path) from error
        digest.update(f"{path.name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()
