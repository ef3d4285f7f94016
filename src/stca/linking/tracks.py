"""Boxes of linked tracklets as MOTChallenge rows, with one id per person in all cameras."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from stca.boxes import VIDEO_FILE, MotRow, read_mot, write_mot
from stca.errors import DatasetError
from stca.linking.linking import Linking
from stca.tools.files import stem
from stca.tracking.camera_folder.writing import TRACKS_FILE
from stca.tracks import TrackRecord, read_track


class _Video(NamedTuple):
    camera: str
    folder: str
    video: str

    @property
    def short(self) -> str:
        return f"{self.camera}_{stem(Path(self.video))}"


def write_mot_files(tracks: Mapping[str, Sequence[MotRow]], out: Path) -> list[Path]:
    """Write `CAMERA.txt`: boxes in MOTChallenge's format, from `mot_rows`.

    Returns:
        the files.

    """
    written = []
    for name, rows in tracks.items():
        path = out / f"{name}.txt"
        write_mot(path, sorted(rows, key=lambda row: (row.frame, row.track)))
        written.append(path)
    return written


def mot_rows(linking: Linking) -> dict[str, list[MotRow]]:
    """Boxes of all tracklets by camera (`CAMERA_VIDEO` if it has several videos); persons as track ids.

    They are the rows of tracks.txt, with gaps interpolated and boxes smoothed, from a tracklet's first crop
    to its last; where there is no such file, the boxes of the crops. Where two tracklets of a person share a
    frame, the earlier tracklet's box is taken: an id is at most once in a frame. Tracklets without a side
    file have no boxes; a warning gives their number.

    Raises:
        DatasetError: a damaged tracks.txt or side file.

    """
    rows: dict[_Video, list[MotRow]] = {}
    written: dict[Path, dict[int, list[MotRow]]] = {}
    missing = 0
    for person, group in linking.numbered():
        taken: dict[_Video, set[int]] = {}
        for record in group:
            track = read_track(record.folder) if record.folder else None
            if track is None or record.folder is None:
                missing += 1
            else:
                video = _Video(track.camera, record.folder.parent.name, track.video)
                place = record.folder.parent
                if place not in written:
                    written[place] = _tracks_file(place)
                boxes = _boxes(track, person, written[place].get(track.track, ()))
                frames = taken.setdefault(video, set())
                rows.setdefault(video, []).extend(row for row in boxes if row.frame not in frames)
                frames.update(row.frame for row in boxes)
    if missing:
        warnings.warn(f"{missing} tracklets without a side file have no boxes", stacklevel=2)
    names = _names(list(rows))
    return {names[video]: rows[video] for video in sorted(rows)}


def _names(videos: Sequence[_Video]) -> dict[_Video, str]:
    cameras, shorts = Counter(v.camera for v in videos), Counter(v.short for v in videos)
    return {
        video: video.camera
        if cameras[video.camera] == 1
        else video.short
        if shorts[video.short] == 1
        else f"{video.camera}_{video.folder}"
        for video in videos
    }


def _tracks_file(folder: Path) -> dict[int, list[MotRow]]:
    """Rows of a camera's tracks.txt by track; none where `stca track` did not write one."""
    path = folder / TRACKS_FILE
    if not path.is_file() or not (folder / VIDEO_FILE).is_file():
        return {}
    file = read_mot(path, first_frame=1)
    if file.broken:
        raise DatasetError(
            f"A row of a {TRACKS_FILE} is damaged",
            expected="the rows that `stca track` wrote",
            found=file.broken[0],
            hint=f"without {path} the boxes of the crops are used",
        )
    rows: dict[int, list[MotRow]] = {}
    for row in file.rows:
        rows.setdefault(row.track, []).append(row)
    return rows


def _boxes(track: TrackRecord, person: int, written: Sequence[MotRow]) -> list[MotRow]:
    first, last = track.frames[0].frame, track.frames[-1].frame
    rows = [replace(row, track=person) for row in written if first <= row.frame <= last]
    if {row.frame for row in rows} >= {frame.frame for frame in track.frames}:
        return rows
    return [MotRow(frame.frame, person, *frame.box, confidence=frame.score) for frame in track.frames]
