"""The tracks of one video as JSON: every row of tracks.txt with its time, and every tracklet."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from stca.boxes import MotRow, read_mot
from stca.tracking.options import VideoSummary
from stca.tracks import TrackRecord, find_tracklets


def tracks_json(summary: VideoSummary) -> dict[str, Any]:
    """Everything that is known of a finished video's tracks, for `json.dumps`.

    `tracks` has one entry per track: its number, the key and folder of its tracklet (null where it has too
    few crops for one), and `rows`: frame (from 1), time, box (left, top, width, height in pixels), score,
    visibility (0 for interpolated boxes) and file (null without a crop). Times are seconds since the video's
    beginning, or POSIX seconds where its start is known; null for tracks without a tracklet.
    """
    path = summary.folder / "tracks.txt"
    rows: dict[int, list[MotRow]] = defaultdict(list)
    for row in read_mot(path).rows if summary.tracks else ():
        rows[row.track].append(row)
    records = {}
    if summary.tracklets:
        records = {
            f.record.track: (f.key, f.folder, f.record) for f in find_tracklets(summary.folder) if f.record
        }
    tracks = []
    for number in sorted(rows):
        key, folder, record = records.get(number, (None, None, None))
        tracks.append(
            {
                "track": number,
                "tracklet": key,
                "folder": None if folder is None else str(folder),
                "rows": _rows(rows[number], record),
            }
        )
    return {
        "video": summary.video,
        "camera": summary.camera,
        "folder": str(summary.folder),
        "frames": summary.frames,
        "tracklets": summary.tracklets,
        "tracks": tracks,
    }


def _rows(rows: list[MotRow], record: TrackRecord | None) -> list[dict[str, Any]]:
    frames = np.array([row.frame for row in rows])
    times: list[float | None] = [None] * len(rows)
    files: dict[int, str] = {}
    if record is not None:  # interpolated boxes lie between two that have a time
        known = [frame.frame for frame in record.frames]
        files = {frame.frame: frame.file for frame in record.frames}
        inside = (frames >= known[0]) & (frames <= known[-1])
        seconds = np.interp(frames, known, [frame.time for frame in record.frames]).round(3).tolist()
        times = [time if ok else None for time, ok in zip(seconds, inside.tolist(), strict=True)]
    return [
        {
            "frame": row.frame,
            "time": time,
            "box": [row.left, row.top, row.width, row.height],
            "score": row.confidence,
            "visibility": row.visibility,
            "file": files.get(row.frame),
        }
        for row, time in zip(rows, times, strict=True)
    ]
