"""Track folders from ground truth, as `stca track` writes them; a track ends where the person leaves."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import simplejpeg

from stca.boxes import MotRow, crop, read_mot
from stca.footage.video import probe_video, read_video
from stca.tracks import FrameRecord, TrackRecord, write_track

GAP_SECONDS = 1.0
MIN_VISIBILITY, MIN_HEIGHT, MIN_WIDTH, MIN_FRAMES = 0.5, 40, 16, 4


def cut_tracks(video: Path, truth: Path, out: Path, *, camera: str, split: bool = True) -> list[Path]:
    """Write the ground-truth tracks of one camera to `out / camera`.

    Args:
        video: video file of the camera.
        truth: MOTChallenge ground-truth file.
        out: folder of the tracks.
        camera: name of the camera.
        split: whether to start a new track when a person was away for more than `GAP_SECONDS`; otherwise
            every ground-truth id is one track.

    Returns:
        the folders of the tracklets. Tracks with fewer than `MIN_FRAMES` usable crops are left out.

    """
    rate = probe_video(video).frame_rate or 25.0
    rows = [row for row in read_mot(truth).rows if row.confidence > 0]
    tracks = [piece for piece in _pieces(rows, rate, split) if sum(map(_is_usable, piece)) >= MIN_FRAMES]
    wanted: dict[int, list[tuple[int, MotRow]]] = {}
    for number, piece in enumerate(tracks, start=1):
        for row in piece:
            wanted.setdefault(row.frame, []).append((number, row))
    records: dict[int, list[FrameRecord]] = {}
    for index, image in enumerate(read_video(video), start=1):
        for number, row in wanted.get(index, ()):
            part = crop(image, row)
            if part.size == 0:
                continue
            file = f"{index:06d}.jpg"
            use = _is_usable(row) and part.shape[0] >= MIN_HEIGHT and part.shape[1] >= MIN_WIDTH
            _write(out / camera / f"{number:04d}" / file, part)
            box = (row.left, row.top, row.width, row.height)
            quality = {"visible": min(row.visibility, 1.0)}
            records.setdefault(number, []).append(
                FrameRecord(index, (index - 1) / rate, box, 1.0, file, quality, use)
            )
    folders = []
    for number, frames in sorted(records.items()):
        folder, person = out / camera / f"{number:04d}", tracks[number - 1][0].track
        write_track(
            folder,
            TrackRecord(camera, number, video.name, rate, None, "ground truth", person, tuple(frames)),
        )
        folders.append(folder)
    return folders


def _pieces(rows: list[MotRow], rate: float, split: bool) -> list[list[MotRow]]:
    by_track: dict[int, list[MotRow]] = {}
    for row in rows:
        by_track.setdefault(row.track, []).append(row)
    pieces = []
    for track in by_track.values():
        track.sort(key=lambda row: row.frame)
        pieces.append([track[0]])
        for before, row in pairwise(track):
            if split and row.frame - before.frame > GAP_SECONDS * rate:
                pieces.append([])
            pieces[-1].append(row)
    return sorted(pieces, key=lambda piece: piece[0].frame)


def _is_usable(row: MotRow) -> bool:
    return row.visibility >= MIN_VISIBILITY and row.height >= MIN_HEIGHT and row.width >= MIN_WIDTH


def _write(path: Path, image: np.ndarray) -> None:
    """Write a JPEG without the disk flush of `stca.footage.images.write_jpeg`, since there are thousands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=92))
