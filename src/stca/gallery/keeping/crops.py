"""Erasing the crops of tracklets, and their rows in the files beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stca.errors import ConfigError, DatasetError
from stca.footage.images import IMAGE_SUFFIXES
from stca.gallery.records import Record
from stca.tools.erasing import erase_file, replace_erasing
from stca.tools.files import locked
from stca.tracking.outputs import without_tracks
from stca.tracking.writing import LOCK_FILE, TRACKS_FILE, VIDEO_FILE
from stca.tracks import SIDE_FILE, TrackRecord, read_track


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
    return track


def _erase_folder(folder: Path, track: TrackRecord, *, dry_run: bool) -> ErasedCrops:
    named = {frame.file for frame in track.frames}
    entries = sorted(folder.iterdir())
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
        except OSError as error:
            return ErasedCrops(left=(f"{folder}: {error.strerror}",))
    return ErasedCrops(1, len(crops), left)


def _erase_rows(camera: Path, tracks: frozenset[int]) -> ErasedCrops:
    """Rewrite the files of a camera's folder without these tracks; those of other tools stay as they are."""
    if not (camera / VIDEO_FILE).is_file():
        return ErasedCrops()
    try:
        with locked(camera / LOCK_FILE, taken="another process is writing to it"):
            _replace(camera, without_tracks(camera, tracks))
            _replace(camera, _fewer_rows(camera, tracks))
    except (ConfigError, DatasetError) as error:
        return ErasedCrops(left=(f"{camera}, rows of the tracks: {error.what}",))
    except OSError as error:
        return ErasedCrops(left=(f"{camera}, rows of the tracks: {error.strerror}",))
    return ErasedCrops()


def _replace(camera: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if (camera / name).exists():
            replace_erasing(camera / name, text.encode())


def _fewer_rows(camera: Path, tracks: frozenset[int]) -> dict[str, str]:
    """`tracks.txt` without the tracks, and `video.json` with the number of those that are left."""
    path = camera / TRACKS_FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    kept = [line for line in lines if _track(line) not in tracks]
    if len(kept) == len(lines):
        return {}
    data = json.loads((camera / VIDEO_FILE).read_text(encoding="utf-8"))
    texts = {TRACKS_FILE: "".join(kept)}
    if "tracks" in data:
        data["tracks"] = len({_track(line) for line in kept} - {None})
        texts[VIDEO_FILE] = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    return texts


def _track(line: str) -> int | None:
    parts: Sequence[str] = line.split(",", 2)
    return int(parts[1]) if len(parts) == 3 and parts[1].strip().isdecimal() else None
