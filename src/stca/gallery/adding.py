"""From folders of crops to rows of a gallery: look what is new, embed it, commit it, some at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from stca.errors import DatasetError, GalleryError
from stca.gallery.embedding import embed_in_batches
from stca.gallery.gallery import Gallery
from stca.gallery.records import Added, Record
from stca.models import ReIDModel
from stca.tracks import FoundTracklet, find_tracklets


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
    tracklets = _unique_by_key(gallery, tracklets)
    contents = {found.key: crops_digest(found) for found in tracklets}
    same, todo = _split_known(gallery, tracklets, contents, replace=replace)
    updated = gallery.update([record_of(found, contents[found.key]) for found in same])
    done = Added(skipped=len(same) - updated, updated=updated)
    for part, vectors in embed_in_batches(
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


def _split_known(
    gallery: Gallery, tracklets: Sequence[FoundTracklet], contents: Mapping[str, str], *, replace: bool
) -> tuple[list[FoundTracklet], list[FoundTracklet]]:
    """Those that the gallery has with the same crops, and those that must be embedded."""
    known = gallery.known(list(contents))
    same = [found for found in tracklets if known.get(found.key) == contents[found.key]]
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
    return same, todo


def _unique_by_key(gallery: Gallery, tracklets: Sequence[FoundTracklet]) -> list[FoundTracklet]:
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


def crops_digest(found: FoundTracklet) -> str:
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


def find_crops(record: Record) -> FoundTracklet | None:
    """A record's crops; None where they are not there any more."""
    if record.folder is None:
        return None
    try:
        return next((f for f in find_tracklets(record.folder) if f.folder == record.folder), None)
    except DatasetError:
        return None
