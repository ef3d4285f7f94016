"""The folder of one camera: crops are stored as they come, tracklets appear when they are complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.boxes import VIDEO_FILE, MotRow, mot_line, read_video_file
from stca.errors import DatasetError
from stca.footage.sources import Source
from stca.tools.files import exclusively, locked, write_text
from stca.tracking.camera_folder.crops import CropWriter
from stca.tracking.camera_folder.recorded import BOXES_FILE, LIVE_FOLDER, LOCK_FILE, read_camera_folder
from stca.tracking.observations import Observation
from stca.tracks import SIDE_FILE, TrackRecord, read_track, write_track
from stca.tracks.erased import erased_up_to

TRACKS_FILE = "tracks.txt"


def camera_folder(out: Path, camera: str, source: Source) -> Path:
    """`out/CAMERA`, or `out/CAMERA_VIDEO` where `out/CAMERA` has another video of that camera."""
    first, own = out / camera, out / f"{camera}_{source.camera}"
    if camera == source.camera or (_source(own) != source.name and _source(first) in (None, source.name)):
        return first
    return own


def _source(folder: Path) -> str | None:
    """The name of the video whose tracks are in the folder; None where there are none, or it is unknown."""
    found = read_video_file(folder) or {}
    return str(found["source"]) if "source" in found else None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a run continues after earlier runs.

    Args:
        frame: number of the last frame with a box; 0 if there is none.
        number: track number to continue with.
        tracks: number of tracks recorded so far.

    """

    frame: int = 0
    number: int = 0
    tracks: int = 0


class CameraFolder:
    """`tracks/cam1/`. Tracklets get their final names when they are complete; until then they are in `.live`.

    Args:
        path: the folder.
        settings: entries of video.json; a folder that was made with others is refused.

    Raises:
        ConfigError: the folder was made with other settings, or another process is writing to it.
        DatasetError: the folder holds other files.

    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self._settings = path, json.loads(json.dumps(settings))
        self._made: set[int] = set()  # tracks with a folder of their own in `.live`
        self._crops = CropWriter()
        path.mkdir(parents=True, exist_ok=True)
        self._lock = ExitStack()
        self._lock.enter_context(locked(path / LOCK_FILE, taken="Another process is writing these tracks"))
        try:
            self.metadata = read_camera_folder(path, self._settings)
        except BaseException:
            self.close()
            raise

    @property
    def finished(self) -> bool:
        """Whether an earlier run has finished the video."""
        return bool(self.metadata and self.metadata["finished"])

    def close(self) -> None:
        """Stop writing and release the lock."""
        self._crops.close()
        self._lock.close()

    def begin(self, *, keep: bool) -> ResumePoint:
        """Prepare the folder for a run, also after an interrupted one; cached boxes always stay.

        Args:
            keep: whether finished tracklets and their rows stay, because a live recording cannot be
                repeated; once set, it is recorded in video.json and applies to all later runs.

        Returns:
            where the run continues.

        """
        keep = keep or bool(self.metadata and self.metadata.get("keep"))
        self.write_metadata(finished=False, frames=0, **({"keep": True} if keep else {}))
        shutil.rmtree(self.path / LIVE_FOLDER, ignore_errors=True)
        (self.path / LIVE_FOLDER).mkdir()
        if keep:
            return self._keep()
        (self.path / TRACKS_FILE).unlink(missing_ok=True)
        for folder in self.path.iterdir():
            if folder.name.isdecimal() and (folder / SIDE_FILE).exists():
                shutil.rmtree(folder)
        return ResumePoint()

    def write_metadata(self, **more: Any) -> None:
        """Write video.json."""
        self.metadata = {**self._settings, **more}
        write_text(self.path / VIDEO_FILE, json.dumps(self.metadata, indent=1, ensure_ascii=False) + "\n")

    def add(self, number: int, observation: Observation) -> None:
        """Queue the crop of a box; sets its file now, and its sharpness before `wait` returns."""
        if observation.crop is None or not observation.crop.size:
            observation.crop = None
            return
        pixels = observation.crop.copy()  # a view would keep the whole frame
        observation.crop, observation.file = None, f"{observation.frame:06d}.jpg"
        folder = self._live(number)
        if number not in self._made:
            folder.mkdir()
            self._made.add(number)
        self._crops.put(folder / observation.file, observation, pixels)

    def wait(self) -> None:
        """Block until all crops are written and scored.

        Raises:
            OSError: a crop could not be written.

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

    def split(self, number: int, later: int, observations: Sequence[Observation]) -> None:
        """Move the crops of these observations of track `number` to a new track `later`."""
        self.wait()
        source, target = self._live(number), self._live(later)
        target.mkdir()
        self._made.add(later)
        for observation in observations:
            if observation.file:
                (source / observation.file).replace(target / observation.file)

    def crops(self, number: int, observations: Sequence[Observation]) -> list[Path]:
        """The files of these observations of an open track, when they are written."""
        self.wait()
        return [self._live(number) / observation.file for observation in observations]

    def drop(self, number: int) -> None:
        """Delete the crops of a track."""
        self.wait()
        self._made.discard(number)
        shutil.rmtree(self._live(number), ignore_errors=True)

    def add_rows(self, rows: Iterable[MotRow]) -> None:
        """Append the rows of a track to tracks.txt, from which others may erase rows meanwhile."""
        with exclusively(self.path / TRACKS_FILE, "ab") as file:
            file.write("".join(map(mot_line, rows)).encode())

    def finish_tracklet(self, record: TrackRecord) -> Path:
        """Write the side file of a tracklet, move it to its final name, and return its folder."""
        self.wait()
        self._made.discard(record.track)
        live, folder = self._live(record.track), self.path / f"{record.track:04d}"
        write_track(live, record)
        live.replace(folder)
        return folder

    def finish(self, *, sort: bool, **more: Any) -> None:
        """Mark the video as finished in video.json.

        Args:
            sort: whether to sort tracks.txt by frame, which loads it into memory.
            more: further entries of video.json.

        """
        path = self.path / TRACKS_FILE
        path.touch()
        if sort:
            with exclusively(path) as file:
                lines = file.read().decode().splitlines(keepends=True)
                write_text(path, "".join(sorted(lines, key=_frame_and_track)))
        shutil.rmtree(self.path / LIVE_FOLDER, ignore_errors=True)
        self.write_metadata(finished=True, **more)
        (self.path / BOXES_FILE).unlink(missing_ok=True)

    def records(self) -> list[tuple[Path, TrackRecord]]:
        """The finished tracklets, ordered by track number."""
        folders = sorted((f for f in self.path.iterdir() if f.name.isdecimal()), key=lambda f: int(f.name))
        return [(folder, record) for folder in folders if (record := read_track(folder))]

    def _live(self, number: int) -> Path:
        return self.path / LIVE_FOLDER / f"{number:04d}"

    def _keep(self) -> ResumePoint:
        """Where to continue; a last row of tracks.txt that was only partly written is removed."""
        last, highest = erased_up_to(self.path)
        numbers = {int(f.name) for f in self.path.iterdir() if f.name.isdecimal()}
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
        return ResumePoint(last, max(highest, *numbers, -1) + 1, len(numbers))


def _frame_and_track(line: str) -> tuple[int, int]:
    try:
        frame, track, _ = line.split(",", 2)
        return int(frame), int(track)
    except ValueError as error:
        raise DatasetError(
            f"A row of a {TRACKS_FILE} is damaged", expected="frame,track,...", found=repr(line)
        ) from error
