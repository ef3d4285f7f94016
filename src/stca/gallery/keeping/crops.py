"""Erasing the crops of tracklets, and their rows in the files beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stca.boxes import VIDEO_FILE, read_video_file
from stca.errors import ConfigError, DatasetError
from stca.footage.images import IMAGE_SUFFIXES
from stca.gallery.adding import crops_digest
from stca.gallery.records import Record
from stca.tools.erasing import erase_file, replace_erasing
from stca.tools.files import exclusively, locked
from stca.tracking.outputs import without_tracks
from stca.tracking.writing import LOCK_FILE, TRACKS_FILE
from stca.tracks import SIDE_FILE, FoundTracklet, TrackRecord, read_track
from stca.tracks.erased import note_erased


@dataclass(frozen=True, slots=True)
class ErasedCrops:
    """What was erased.

    Args:
        folders: tracklets' folders.
        files: crops.
        left: what was not, and why.

    """

    folders: int = 0
    files: int = 0
    left: tuple[str, ...] = ()

    def __add__(self, other: ErasedCrops) -> ErasedCrops:
        return ErasedCrops(self.folders + other.folders, self.files + other.files, self.left + other.left)


def erase_crops(records: Iterable[Record], *, dry_run: bool = False) -> ErasedCrops:
    """Erase the folders of tracklets, and their rows in `tracks.txt`, `zones.csv` and `zones.json`.

    Only a folder with a side file that is of this tracklet is touched, and in it only the side file and
    images. What has gone already is no error.

    Args:
        records: of a gallery.
        dry_run: only count.

    """
    done = ErasedCrops()
    cameras: dict[Path, dict[Path, TrackRecord]] = {}
    for record in records:
        if record.folder is None or not record.folder.exists():
            continue
        try:
            cameras.setdefault(record.folder.parent, {})[record.folder] = _own_track(record)
        except DatasetError as error:
            if record.folder.exists():  # else somebody who forgets too was faster
                done += ErasedCrops(left=(f"{record.folder}: {error.what}",))
    for camera, tracks in cameras.items():
        numbers = frozenset(track.track for track in tracks.values())
        if not dry_run:
            done += _erase_rows(camera, numbers)
        for folder, track in tracks.items():
            done += _erase_folder(folder, track, dry_run=dry_run)
    return done


def _own_track(record: Record) -> TrackRecord:
    """The side file of a record's folder; a DatasetError says why it may not be touched."""
    assert record.folder is not None
    if record.folder.is_symlink():
        raise DatasetError("it is a symbolic link")
    track = read_track(record.folder)
    if track is None:
        raise DatasetError(f"it has no side file ({SIDE_FILE})")
    if (record.first, record.last) != (track.first, track.last):
        raise DatasetError("it holds another tracklet now")
    frames = tuple(record.folder / frame.file for frame in track.frames if frame.use)
    # Where crops are missing, an earlier call was interrupted.
    if record.content and frames and all(path.is_file() for path in frames):
        found = FoundTracklet(record.key, record.folder, record.camera, frames, track)
        if crops_digest(found) != record.content:
            raise DatasetError("its crops are others than those that were added")
    return track


def _erase_folder(folder: Path, track: TrackRecord, *, dry_run: bool) -> ErasedCrops:
    named = {frame.file for frame in track.frames}
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return ErasedCrops()  # somebody who forgets too was faster
    except OSError as error:
        return ErasedCrops(left=(f"{folder}: {error.strerror}",))
    crops = [path for path in entries if path.name in named or path.suffix.lower() in IMAGE_SUFFIXES]
    notes = [path for path in entries if path.name.startswith(f".{SIDE_FILE}.")]
    others = {path.name for path in entries} - {path.name for path in (*crops, *notes)} - {SIDE_FILE}
    left = (f"{folder}: it also holds {', '.join(sorted(others)[:5])}",) if others else ()
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
            return ErasedCrops(left=(f"{folder}: {error.strerror}",))
    return ErasedCrops(1, len(crops), left)


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
        return ErasedCrops(left=(f"{camera}, rows of the tracks: {error.what}",))
    except OSError as error:
        return ErasedCrops(left=(f"{camera}, rows of the tracks: {error.strerror}",))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        damaged = f"{camera}, rows of the tracks: a file is damaged ({error})"
        return ErasedCrops(left=(damaged,))
    return ErasedCrops()


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
