"""After a process was killed: tracklets that were still walking become tracklets that have ended."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stca.errors import DatasetError
from stca.gallery import Gallery
from stca.tracking.camera_folder.writing import CameraFolder
from stca.tracking.job import MIN_CROPS
from stca.tracks import read_track, write_track
from stca.watch.current import CurrentTracklets, Parts
from stca.watch.settings import CameraSettings, folder_settings
from stca.watch.storing import not_stored
from stca.watch.telling import say

_BATCH = 32  # tracklets that are embedded at once


def recover(place: Path, camera: str) -> list[Path]:
    """Give tracklets that were told while they walked, and never ended, their final folders.

    Only crops that the side file names and that lie on disk are kept.

    Args:
        place: a camera's folder; nobody else may write to it.
        camera: its name.

    Returns:
        their folders.

    """
    live = place / ".live"
    if not live.is_dir():
        return []
    folder = CameraFolder(place, folder_settings(camera))
    try:
        found = []
        for walking in sorted(each for each in live.iterdir() if each.name.isdecimal()):
            final = place / walking.name
            if _mend(walking) and not final.exists():
                walking.replace(final)
                found.append(final)
        shutil.rmtree(live, ignore_errors=True)
        return found
    finally:
        folder.close()


def take_over(
    gallery: Gallery,
    tracks: Path,
    cameras: Sequence[CameraSettings],
    parts: Parts,
    current: CurrentTracklets,
) -> None:
    """Store what an earlier process left, and say that whom it had in view is lost.

    Args:
        gallery: gets every tracklet on disk that it does not have.
        tracks: the folder of all cameras' folders.
        cameras: that are watched.
        parts: what deciding needs.
        current: the tracklets.

    """
    for camera in cameras:
        recover(tracks / camera.name, camera.name)
    said = {each.tracklet: each for each in parts.outbox.walking()}
    left = not_stored(gallery, tracks)
    if left:
        say(f"{len(left)} tracklets of before are added")
    for start in range(0, len(left), _BATCH):
        batch = left[start : start + _BATCH]
        vectors = parts.embedder.embed({found.key: found.frames for found in batch})
        for found in batch:
            if found.key in vectors:
                current.add_ended(found, vectors[found.key], said.get(found.key))
    for each in parts.outbox.walking():  # the gallery has them, or nothing is left of them
        event = parts.announcer.lost_before(
            each.camera, each.tracklet, each.person, since=each.first, until=each.last, reason="restart"
        )
        parts.outbox.put([] if each.lost else [event], walking={each.tracklet: None})


def _mend(walking: Path) -> bool:
    """Make a walking tracklet's side file agree with its folder; False where too little is left."""
    try:
        record = read_track(walking)
    except DatasetError:
        return False
    if record is None:
        return False
    frames = tuple(frame for frame in record.frames if (walking / frame.file).is_file())
    if len(frames) < MIN_CROPS or not any(frame.use for frame in frames):
        return False
    write_track(walking, replace(record, track=int(walking.name), frames=frames))
    known = {frame.file for frame in frames}
    for path in walking.iterdir():
        if path.suffix == ".jpg" and path.name not in known:
            path.unlink()
    return True
