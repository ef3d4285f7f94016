"""Boxes of linked tracklets as MOTChallenge rows, with one id per person in all cameras."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stca.boxes import MotRow, write_mot
from stca.linking.linking import Linking
from stca.tracks import TrackRecord, read_track


class _Video(NamedTuple):
    camera: str
    folder: str
    video: str

    @property
    def short(self) -> str:
        return f"{self.camera}_{Path(self.video).stem}"


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

    Tracklets without a side file have no boxes; a warning gives their number.
    """
    rows: dict[_Video, list[MotRow]] = {}
    missing = 0
    for person, group in linking.numbered():
        for record in group:
            track = read_track(record.folder) if record.folder else None
            if track is None or record.folder is None:
                missing += 1
            else:
                video = _Video(track.camera, record.folder.parent.name, track.video)
                rows.setdefault(video, []).extend(_boxes(track, person))
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


def _boxes(track: TrackRecord, person: int) -> list[MotRow]:
    return [MotRow(frame.frame, person, *frame.box, confidence=frame.score) for frame in track.frames]
