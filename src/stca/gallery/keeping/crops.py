"""Erasing the crops of tracklets, and their rows in the files beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stca.boxes import VIDEO_FILE, read_video_file
from stca.errors import ConfigError, DatasetError
from stca.footage.images import IMAGE_SUFFIXES
from stca.gallery.adding import crops_digest
from stca.gallery.keeping.unerased import Kind, Unerased
from stca.gallery.records import Record
from stca.tools.erasing import erase_file, replace_erasing
from stca.tools.files import exclusively, locked
from stca.tracking.camera_folder.recorded import LOCK_FILE
from stca.tracking.camera_folder.writing import TRACKS_FILE
from stca.tracking.outputs import without_tracks
from stca.tracks import SIDE_FILE, FoundTracklet, TrackRecord, read_track
from stca.tracks.erased import note_erased


@dataclass(frozen=True, slots=True)
class ErasedCrops:
    """What was erased.

    Args:
        folders: tracklets' folders.
        files: crops.
        left: what was not, and why.
        unerased: of these, what is to be tried again.

    """

    folders: int = 0
    files: int = 0
    left: tuple[str, ...] = ()
    unerased: tuple[Unerased, ...] = ()

    def __add__(self, other: ErasedCrops) -> ErasedCrops:
        return ErasedCrops(
            self.folders + other.folders,
            self.files + other.files,
            self.left + other.left,
            self.unerased + other.unerased,
        )


class _NotItsError(DatasetError):
    """A folder holds what is not of the tracklet: nothing is left to be tried again."""


def erase_crops(records: Iterable[Record], *, dry_run: bool = False) -> ErasedCrops:
    """Erase the folders of tracklets, and their rows in `tracks.txt`, `zones.csv` and `zones.json`.

    Only a folder with a side file that is of this tracklet is touched, and in it only the side file and
    images. What has gone already is no error.

    Args:
        records: of a gallery.
        dry_run: only count.

    """
    done = ErasedCrops()
    cameras: dict[Path, list[tuple[Record, TrackRecord]]] = {}
    for record in records:
        try:
            if record.folder is None or not _is_there(record.folder):
                continue
            cameras.setdefault(record.folder.parent, []).append((record, _own_track(record)))
        except _NotItsError as error:
            done += ErasedCrops(left=(f"{record.folder}: {error.what}",))
        except DatasetError as error:
            if record.folder is not None and os.path.lexists(record.folder):  # else somebody else was faster
                done += _left_crops(record, error.what)
        except OSError as error:
            done += _left_crops(record, error.strerror or str(error))
    for camera, tracks in cameras.items():
        if not dry_run:
            done += _erase_rows(camera, frozenset(track.track for _, track in tracks))
        for record, track in tracks:
            done += _erase_folder(record, track, dry_run=dry_run)
    return done


def erase_crops_again(some: Sequence[Unerased], *, dry_run: bool = False) -> ErasedCrops:
    """Erase what `erase_crops` could not, if it is still what it was.

    Rows go by the numbers of tracks. In a folder that holds another video by now, or a new tracklet of such a
    number, these are somebody else's and stay.

    Args:
        some: of the kinds "crops" and "rows".
        dry_run: only count.

    """
    done = ErasedCrops()
    for each in some:
        if each.kind == "crops":
            done += _again(_erase_crops_again, each, dry_run=dry_run)
    theirs = frozenset(each.path for each in done.unerased)
    for each in some:
        if each.kind == "rows":
            done += _again(partial(_erase_rows_again, theirs=theirs), each, dry_run=dry_run)
    return done


def _again(erase: Callable[..., ErasedCrops], each: Unerased, *, dry_run: bool) -> ErasedCrops:
    try:
        return erase(each, dry_run=dry_run)
    except OSError as error:
        return _left(each.kind, each.path, error.strerror or str(error), each.facts)


def _erase_rows_again(each: Unerased, *, theirs: frozenset[Path], dry_run: bool) -> ErasedCrops:
    """`theirs` are folders of tracklets that are still those of the tracks."""
    if not _is_there(each.path):
        return ErasedCrops()
    video, noted = _video(each.path), each.facts["video"]
    if video != noted:
        if _NO_VIDEO in (video, noted):
            return _left("rows", each.path, f"{VIDEO_FILE} does not say of which video they are", each.facts)
        return ErasedCrops()
    folders = {number: each.path / f"{number:04d}" for number in each.facts["tracks"]}
    tracks = frozenset(n for n, f in folders.items() if f in theirs or not _is_there(f / SIDE_FILE))
    if dry_run:
        return ErasedCrops(left=(str(each),), unerased=(each,))
    return _erase_rows(each.path, tracks) if tracks else ErasedCrops()


def _is_there(path: Path) -> bool:
    """Whether something lies there; an OSError where nobody can say."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _erase_crops_again(each: Unerased, *, dry_run: bool) -> ErasedCrops:
    folder, facts = each.path, each.facts
    record = Record(
        f"{folder.parent.name}/{folder.name}",
        folder.parent.name,
        facts["first"],
        facts["last"],
        folder=folder,
        content=facts["content"],
    )
    if folder.is_symlink() or _is_there(folder / SIDE_FILE) or not folder.is_dir():
        return erase_crops([record], dry_run=dry_run)
    # Its side file, which goes last, has gone.
    others = sorted(path.name for path in folder.iterdir())
    if others:
        return _left_crops(record, f"it also holds {', '.join(others[:5])}")
    if dry_run:
        return ErasedCrops(1)
    folder.rmdir()
    return ErasedCrops(1)


def _left_crops(record: Record, why: str) -> ErasedCrops:
    assert record.folder is not None
    facts = {"first": record.first, "last": record.last, "content": record.content}
    return _left("crops", record.folder, why, facts)


def _left(kind: Kind, path: Path, why: str, facts: Mapping[str, Any]) -> ErasedCrops:
    each = Unerased(kind, path.absolute(), why, facts)
    return ErasedCrops(left=(str(each),), unerased=(each,))


def _own_track(record: Record) -> TrackRecord:
    """The side file of a record's folder; a DatasetError says why it may not be touched."""
    assert record.folder is not None
    if record.folder.is_symlink():
        raise DatasetError("it is a symbolic link")
    track = read_track(record.folder)
    if track is None:
        raise DatasetError(f"it has no side file ({SIDE_FILE})")
    if (record.first, record.last) != (track.first, track.last):
        raise _NotItsError("it holds another tracklet now")
    frames = tuple(record.folder / frame.file for frame in track.frames if frame.use)
    # Where crops are missing, an earlier call was interrupted.
    if record.content and frames and all(path.is_file() for path in frames):
        found = FoundTracklet(record.key, record.folder, record.camera, frames, track)
        if crops_digest(found) != record.content:
            raise _NotItsError("its crops are others than those that were added")
    return track


def _erase_folder(record: Record, track: TrackRecord, *, dry_run: bool) -> ErasedCrops:
    folder = record.folder
    assert folder is not None
    named = {frame.file for frame in track.frames}
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return ErasedCrops()  # somebody who forgets too was faster
    except OSError as error:
        return _left_crops(record, error.strerror or str(error))
    crops = [path for path in entries if path.name in named or path.suffix.lower() in IMAGE_SUFFIXES]
    notes = [path for path in entries if path.name.startswith(f".{SIDE_FILE}.")]
    others = {path.name for path in entries} - {path.name for path in (*crops, *notes)} - {SIDE_FILE}
    left = _left_crops(record, f"it also holds {', '.join(sorted(others)[:5])}") if others else ErasedCrops()
    if not dry_run:
        try:
            for path in (
                *crops,
                *notes,
                folder / SIDE_FILE,
            ):  # the side file last: it says whose folder it is
                erase_file(path)
            if not others:
                folder.rmdir()
        except FileNotFoundError:
            return ErasedCrops()
        except OSError as error:
            return _left_crops(record, error.strerror or str(error))
    return ErasedCrops(1, len(crops)) + left


def _erase_rows(camera: Path, tracks: frozenset[int]) -> ErasedCrops:
    """Rewrite the files of a camera's folder without these tracks; those of other tools stay as they are."""
    if not (camera / VIDEO_FILE).is_file():
        return ErasedCrops()
    try:
        if (camera / TRACKS_FILE).is_file() and _erase_from_tracks(camera, tracks):
            with (
                suppress(ConfigError),
                locked(camera / LOCK_FILE, taken="somebody tracks"),
            ):
                _count_again(camera)
        for name, text in without_tracks(camera, tracks).items():
            if (camera / name).exists():
                replace_erasing(camera / name, text.encode())
    except DatasetError as error:
        why = error.what
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"a file is damaged ({error})"
    else:
        return ErasedCrops()
    return _left("rows", camera, why, {"tracks": sorted(tracks), "video": _video(camera)})


_NO_VIDEO: list[Any] = [None, None]


def _video(camera: Path) -> list[Any]:
    """Which video the rows of a camera's folder are of."""
    facts = read_video_file(camera) or {}
    return [facts.get("source"), facts.get("identity")]


def _erase_from_tracks(camera: Path, tracks: frozenset[int]) -> bool:
    """Erase rows of `tracks.txt`, to which a process may append more meanwhile; whether there were any."""
    with exclusively(camera / TRACKS_FILE) as file:
        lines = file.read().decode().splitlines(keepends=True)
        kept = [line for line in lines if _track(line) not in tracks]
        if len(kept) == len(lines):
            return False
        gone = [line for line in lines if _track(line) in tracks]
        note_erased(camera, ((int(line.split(",")[0]), _track(line) or 0) for line in gone))
        replace_erasing(camera / TRACKS_FILE, "".join(kept).encode())
    return True


def _count_again(camera: Path) -> None:
    """Write the number of tracks that are left to `video.json`."""
    data = read_video_file(camera)  # of a damaged one the rows are gone all the same
    if data is not None and "tracks" in data:
        lines = (camera / TRACKS_FILE).read_text(encoding="utf-8").splitlines()
        data["tracks"] = len({_track(line) for line in lines} - {None})
        replace_erasing(camera / VIDEO_FILE, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def _track(line: str) -> int | None:
    parts: Sequence[str] = line.split(",", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].strip().isdecimal() else None
