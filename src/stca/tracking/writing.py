"""The folder of one camera: crops as they come, a tracklet's folder once it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.boxes import MotRow, mot_line
from stca.errors import ConfigError, DatasetError
from stca.footage.sources import Source
from stca.tools.files import locked, write_text
from stca.tracking.crops import CropWriter
from stca.tracking.track_builder import Observation
from stca.tracks import SIDE_FILE, TrackRecord, read_track, write_track

VIDEO_FILE, TRACKS_FILE, BOXES_FILE = "video.json", "tracks.txt", ".boxes"
_LIVE, _LOCK = ".live", ".lock"
_TOLD = ("finished", "frames", "tracks")


def folder_of(out: Path, camera: str, source: Source) -> Path:
    """`out/CAMERA`, or `out/CAMERA_VIDEO` where `out/CAMERA` has another video of that camera."""
    first, own = out / camera, out / f"{camera}_{source.camera}"
    if camera == source.camera or (_source(own) != source.name and _source(first) in (None, source.name)):
        return first
    return own


def _source(folder: Path) -> str | None:
    """The name of the video whose tracks lie there; None where there are none (or nobody can tell)."""
    try:
        return str(json.loads((folder / VIDEO_FILE).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Kept:
    """What earlier runs recorded of a camera.

    Args:
        frame: the last one of any box.
        number: the next track's.
        tracks: how many there are.

    """

    frame: int = 0
    number: int = 0
    tracks: int = 0


class CameraFolder:
    """`tracks/cam1/`. Tracklets get their names when they are whole; what is unfinished hides in `.live`.

    Args:
        path: the folder.
        settings: what decides the result; a folder made with others is refused.

    Raises:
        ConfigError: other settings, or another process works here.
        DatasetError: the folder holds something else.

    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self._settings = path, json.loads(json.dumps(settings))
        self._made: set[int] = set()  # tracks with a folder of their own in `.live`
        self._crops = CropWriter()
        path.mkdir(parents=True, exist_ok=True)
        self._lock = ExitStack()
        self._lock.enter_context(locked(path / _LOCK, taken="Another process is writing these tracks"))
        try:
            self.told = self._read()
        except BaseException:
            self.close()
            raise

    @property
    def finished(self) -> bool:
        """Whether everything was done by an earlier run."""
        return bool(self.told and self.told["finished"])

    def close(self) -> None:
        """Let others in."""
        self._crops.close()
        self._lock.close()

    def begin(self, *, keep: bool) -> Kept:
        """Make room for a run after one that was interrupted; its boxes always stay.

        Args:
            keep: whether finished tracklets and their rows stay, because they cannot be made again; once
                told, they always do.

        Returns:
            what stays.

        """
        keep = keep or bool(self.told and self.told.get("keep"))
        self.tell(finished=False, frames=0, **({"keep": True} if keep else {}))
        shutil.rmtree(self.path / _LIVE, ignore_errors=True)
        (self.path / _LIVE).mkdir()
        if keep:
            return self._keep()
        (self.path / TRACKS_FILE).unlink(missing_ok=True)
        for folder in self.path.iterdir():
            if folder.name.isdecimal() and (folder / SIDE_FILE).exists():
                shutil.rmtree(folder)
        return Kept()

    def tell(self, **more: Any) -> None:
        """Write video.json."""
        self.told = {**self._settings, **more}
        write_text(self.path / VIDEO_FILE, json.dumps(self.told, indent=1, ensure_ascii=False) + "\n")

    def add(self, number: int, seen: Observation) -> None:
        """Write the crop of a track's box; sets its file now, its sharpness until `wait` returns."""
        if seen.crop is None or not seen.crop.size:
            seen.crop = None
            return
        pixels = seen.crop.copy()  # a view would keep the whole frame
        seen.crop, seen.file = None, f"{seen.frame:06d}.jpg"
        folder = self._live(number)
        if number not in self._made:
            folder.mkdir()
            self._made.add(number)
        self._crops.put(folder / seen.file, seen, pixels)

    def wait(self) -> None:
        """Until all crops are written and scored.

        Raises:
            OSError: one of them could not be written.

        """
        self._crops.wait()

    def join(self, number: int, later: int) -> None:
        """Move the crops of track `later` to those of track `number`."""
        self.wait()
        source, target = self._live(later), self._live(number)
        if later in self._made:
            target.mkdir(exist_ok=True)
            self._made.add(number)
            self._made.remove(later)
            for crop in source.iterdir():
                crop.replace(target / crop.name)
            source.rmdir()

    def drop(self, number: int) -> None:
        """Forget the crops of a track."""
        self.wait()
        self._made.discard(number)
        shutil.rmtree(self._live(number), ignore_errors=True)

    def add_rows(self, rows: Iterable[MotRow]) -> None:
        """Append the rows of a track to tracks.txt."""
        with (self.path / TRACKS_FILE).open("a", encoding="utf-8", newline="\n") as file:
            file.write("".join(map(mot_line, rows)))

    def finish_tracklet(self, record: TrackRecord) -> Path:
        """Give a tracklet its side file and its name; returns its folder."""
        self.wait()
        self._made.discard(record.track)
        live, folder = self._live(record.track), self.path / f"{record.track:04d}"
        write_track(live, record)
        live.replace(folder)
        return folder

    def finish(self, *, sort: bool, **more: Any) -> None:
        """Everything is written: video.json says so.

        Args:
            sort: whether tracks.txt is put in order of frames (it must fit into memory for that).
            more: for video.json.

        """
        path = self.path / TRACKS_FILE
        path.touch()
        if sort:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            write_text(path, "".join(sorted(lines, key=_frame_and_track)))
        shutil.rmtree(self.path / _LIVE, ignore_errors=True)
        self.tell(finished=True, **more)
        (self.path / BOXES_FILE).unlink(missing_ok=True)

    def records(self) -> list[tuple[Path, TrackRecord]]:
        """The tracklets that are there, by number."""
        folders = sorted((f for f in self.path.iterdir() if f.name.isdecimal()), key=lambda f: int(f.name))
        return [(folder, record) for folder in folders if (record := read_track(folder))]

    def _live(self, number: int) -> Path:
        return self.path / _LIVE / f"{number:04d}"

    def _keep(self) -> Kept:
        """What is there; a last row that was cut off while it was written goes."""
        last, numbers = 0, {int(f.name) for f in self.path.iterdir() if f.name.isdecimal()}
        path = self.path / TRACKS_FILE
        path.touch()
        with path.open("r+b") as file:
            whole = 0
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    frame, track = _frame_and_track(line.decode(errors="replace"))
                    last = max(last, frame)
                    numbers.add(track)
            file.truncate(whole)
        return Kept(last, max(numbers, default=-1) + 1, len(numbers))

    def _read(self) -> dict[str, Any] | None:
        path = self.path / VIDEO_FILE
        if not path.exists():
            if others := [entry.name for entry in self.path.iterdir() if not _may_stay(entry)]:
                raise DatasetError(
                    "A camera's folder holds something else",
                    expected=f"nothing, or what `stca track` wrote ({VIDEO_FILE})",
                    found=", ".join(sorted(others)[:5]),
                    where=self.path,
                    hint="another --out, or another --camera",
                )
            return None
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["finished"]:
                _ = [int(told[name]) for name in _TOLD]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DatasetError(
                f"A {VIDEO_FILE} is damaged",
                expected=f"what `stca track` wrote, with {', '.join(_TOLD)}",
                found=repr(error),
                where=path,
                hint=f"another --out, or remove {self.path} and track the video again",
            ) from error
        for name, value in self._settings.items():
            if told.get(name) != value:
                raise ConfigError(
                    f"These tracks were made with another {name}",
                    expected=told.get(name),
                    found=value,
                    where=self.path,
                    hint=f"another --out, or remove {self.path}",
                )
        return dict(told)


def _may_stay(entry: Path) -> bool:
    """Whether it harms nobody to work beside an entry of a folder without a video.json.

    Visible things are somebody's; so are hidden ones that have a name of ours and something in them.
    """
    if entry.name == _LOCK:
        return entry.stat().st_size == 0
    if entry.name == _LIVE:
        return entry.is_dir() and not any(entry.iterdir())
    return entry.name.startswith(".") and entry.name != BOXES_FILE


def _frame_and_track(line: str) -> tuple[int, int]:
    try:
        frame, track, _ = line.split(",", 2)
        return int(frame), int(track)
    except ValueError as error:
        raise DatasetError(
            f"A row of a {TRACKS_FILE} is damaged", expected="frame,track,...", found=repr(line)
        ) from error
