"""The folder of one camera: crops as they come, a tracklet's folder once it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import simplejpeg

from stca.boxes import MotRow, write_mot
from stca.errors import ConfigError, DatasetError
from stca.files import write_text
from stca.tracking.following import Observation
from stca.tracking.quality import look, sharpness
from stca.tracks import SIDE_FILE, TrackRecord, read_track, write_track

VIDEO_FILE, TRACKS_FILE, BOXES_FILE = "video.json", "tracks.txt", ".boxes"
_LIVE, _LOCK = ".live", ".lock"
_JPEG_QUALITY = 92


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
        path.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path / _LOCK)
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
        self._lock.close()

    def begin(self) -> None:
        """Clear what a run that was interrupted left, but for its boxes."""
        shutil.rmtree(self.path / _LIVE, ignore_errors=True)
        for folder in self.path.iterdir():
            if folder.name.isdecimal() and (folder / SIDE_FILE).exists():
                shutil.rmtree(folder)
        (self.path / _LIVE).mkdir()
        self.tell(finished=False, frames=0)

    def tell(self, **more: Any) -> None:
        """Write video.json."""
        self.told = {**self._settings, **more}
        write_text(self.path / VIDEO_FILE, json.dumps(self.told, indent=1, ensure_ascii=False) + "\n")

    def add(self, number: int, seen: Observation) -> None:
        """Write the crop of a track's box; sets its file, look and sharpness."""
        if seen.crop is None or not seen.crop.size:
            seen.crop = None
            return
        pixels = np.ascontiguousarray(seen.crop)
        seen.crop, seen.file = None, f"{seen.frame:06d}.jpg"
        seen.quality["sharpness"] = sharpness(pixels)
        seen.look = look(pixels)
        folder = self._live(number)
        if number not in self._made:
            folder.mkdir()
            self._made.add(number)
        data = simplejpeg.encode_jpeg(pixels, quality=_JPEG_QUALITY, colorspace="RGB")
        (folder / seen.file).write_bytes(data)

    def join(self, number: int, later: int) -> None:
        """Move the crops of track `later` to those of track `number`."""
        source, target = self._live(later), self._live(number)
        if later in self._made:
            target.mkdir(exist_ok=True)
            self._made.add(number)
            for crop in source.iterdir():
                crop.replace(target / crop.name)
            source.rmdir()

    def drop(self, number: int) -> None:
        """Forget the crops of a track."""
        shutil.rmtree(self._live(number), ignore_errors=True)

    def finish_tracklet(self, record: TrackRecord) -> Path:
        """Give a tracklet its side file and its name; returns its folder."""
        live, folder = self._live(record.track), self.path / f"{record.track:04d}"
        write_track(live, record)
        live.replace(folder)
        return folder

    def finish(self, rows: Iterable[MotRow], **more: Any) -> None:
        """Everything is written: tracks.txt, then video.json that says so."""
        write_mot(self.path / TRACKS_FILE, sorted(rows, key=lambda row: (row.frame, row.track)))
        shutil.rmtree(self.path / _LIVE, ignore_errors=True)
        self.tell(finished=True, **more)
        (self.path / BOXES_FILE).unlink(missing_ok=True)

    def records(self) -> list[tuple[Path, TrackRecord]]:
        """The tracklets that are there, by number."""
        folders = sorted((f for f in self.path.iterdir() if f.name.isdecimal()), key=lambda f: int(f.name))
        return [(folder, record) for folder in folders if (record := read_track(folder))]

    def _live(self, number: int) -> Path:
        return self.path / _LIVE / f"{number:04d}"

    def _read(self) -> dict[str, Any] | None:
        path = self.path / VIDEO_FILE
        if not path.exists():
            others = [entry.name for entry in self.path.iterdir() if entry.name != _LOCK]
            if others:
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
            told["finished"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError("A video.json is damaged", found=repr(error), where=path) from error
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


def _locked(path: Path) -> IO[str]:
    """The open file, which nobody else can have as long as it is open (where the system knows locks)."""
    file = path.open("w")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError as error:
        file.close()
        raise ConfigError("Another process is writing these tracks", where=path.parent) from error
    return file
