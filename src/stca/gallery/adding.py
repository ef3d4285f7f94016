"""Add folders of crops to a gallery: find the new ones, embed them, commit them in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from stca.errors import DatasetError, GalleryError
from stca.gallery.cross_camera import keep_public_threshold
from stca.gallery.embedding import EmbedOptions, embed_in_batches
from stca.gallery.gallery import Gallery
from stca.gallery.records import Added, Record
from stca.models import ReIDModel
from stca.tools.progress import progress
from stca.tracks import FoundTracklet, read_tracklet


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
    watch: Callable[[int, int], None] | None = None,
) -> Added:
    """Embed new tracklets and add them to the gallery, 128 per commit.

    Tracklets that the gallery has with the same crops are not embedded again; their camera, times, label and
    folder are updated. Those that were forgotten (`stca.gallery.keeping`) are left out and counted. Commits
    are durable: after an interruption, the same call continues where it stopped. A gallery without a
    threshold of its own gets that of public sets, where the network's is known (`keep_public_threshold`).

    Args:
        gallery: opened with this model.
        model: computes the embeddings.
        tracklets: from `stca.tracks.find_tracklets`.
        replace: replace a tracklet that has the same key but other frames.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: number of decoding processes.
        watch: told after every commit how many tracklets are added, and how many there are to add.

    Raises:
        GalleryError: a key that exists with other frames, or two folders with the same key (then nothing is
            embedded); a full disk.
        DatasetError: a tracklet without any readable frame.
        ConfigError: int8.

    """
    options = EmbedOptions(device=device, precision=precision, batch_size=batch_size, workers=workers)
    tracklets = _unique_by_key(gallery, tracklets)
    reading = progress(tracklets, label=f"read the crops of {len(tracklets)} tracklets")
    contents = {found.key: crops_digest(found) for found in reading}
    wanted = _without_forgotten(gallery, tracklets, contents)
    same, todo = _split_known(gallery, wanted, contents, replace=replace)
    updated = gallery.update([record_of(found, contents[found.key]) for found in same])
    done = Added(skipped=len(same) - updated, updated=updated, forgotten=len(tracklets) - len(wanted))
    embedded = 0
    label = f"embed and add {len(todo)} tracklets"
    for batch, vectors in embed_in_batches(gallery, model, todo, options, label=label):
        records = [record_of(found, contents[found.key]) for found in batch]
        done += gallery.add(records, vectors, replace=replace)
        if watch is not None:
            embedded += len(batch)
            watch(embedded, len(todo))
    gallery.refresh()
    keep_public_threshold(gallery)
    return done


def _without_forgotten(
    gallery: Gallery, tracklets: Sequence[FoundTracklet], contents: Mapping[str, str]
) -> list[FoundTracklet]:
    lost = gallery.forgotten([record_of(found, contents[found.key]) for found in tracklets])
    return [found for found, gone in zip(tracklets, lost, strict=True) if not gone]


def _split_known(
    gallery: Gallery, tracklets: Sequence[FoundTracklet], contents: Mapping[str, str], *, replace: bool
) -> tuple[list[FoundTracklet], list[FoundTracklet]]:
    """Tracklets that the gallery has with the same crops, and those to be embedded."""
    known = gallery.known(list(contents))
    same = [found for found in tracklets if known.get(found.key) == contents[found.key]]
    todo = [found for found in tracklets if known.get(found.key) != contents[found.key]]
    other = [found.key for found in todo if found.key in known]
    if other and not replace:
        raise GalleryError(
            f"The gallery has {len(other)} of these tracklets with other frames",
            expected="the same frames as when they were added",
            found=f"first {other[0]!r}",
            where=gallery.where,
            hint="--replace (replace=True) replaces them; tracklets of another video need "
            "a camera folder of another name",
        )
    return same, todo


def _unique_by_key(gallery: Gallery, tracklets: Sequence[FoundTracklet]) -> list[FoundTracklet]:
    """Without duplicates; keys are unique within a folder of tracks, but may clash between several."""
    unique: dict[str, FoundTracklet] = {}
    for found in tracklets:
        other = unique.setdefault(found.key, found)
        if other.folder != found.folder:
            raise GalleryError(
                "Two of these tracklets have the same key",
                expected="camera folder/tracklet folder to be unique in a gallery",
                found=f"{found.key}: {other.folder}, {found.folder}",
                where=gallery.where,
                hint="give the camera folders different names",
            )
    return list(unique.values())


def record_of(found: FoundTracklet, content: str = "") -> Record:
    """The gallery record of a tracklet's folder; `content` is the digest of its crops."""
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
    """BLAKE2b digest of the crops' names and bytes, in hexadecimal.

    Raises:
        DatasetError: a crop cannot be read.

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
    """The crops of a record; None if they are no longer in their folder."""
    if record.folder is None:
        return None
    try:
        return read_tracklet(record.folder)
    except DatasetError:
        return None
