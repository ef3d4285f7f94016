"""Folders of tracks and what tracking noted of their videos; looking for these videos on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.boxes import read_video_file
from stca.footage.containers import printable
from stca.footage.sources import camera_name, folder_images, image_identity
from stca.gallery.records import Record

_MOST_ENTRIES = 200_000
"""Files and folders that are looked through for a video, at most."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """A folder of tracks, and what its video.json says.

    Args:
        path: of the folder.
        camera: the camera's name.
        tracklets: in the gallery.
        metadata: video.json.

    """

    path: Path
    camera: str
    tracklets: int
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of the source."""
        return str(self.metadata["source"])

    @property
    def identity(self) -> tuple[int, ...]:
        """Of the source; empty for a live camera."""
        return tuple(self.metadata["identity"])

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return float(self.metadata["frame_rate"])

    @property
    def frames(self) -> int | None:
        """How many frames it has; None where tracking is not finished, or did not read every one."""
        options = self.metadata.get("options")
        every = options.get("every") if isinstance(options, dict) else None
        frames = self.metadata.get("frames")
        whole = self.metadata.get("finished") is True and every == 1
        return frames if whole and type(frames) is int and frames > 0 else None

    @property
    def boxes_fit(self) -> bool:
        """Whether boxes are in pixels of the frames as shown."""
        return bool(self.metadata.get("boxes_refer_to", "displayed frames") == "displayed frames")


def tracks_by_folder(records: Mapping[str, Record]) -> dict[str, list[Tracks]]:
    """Folders of tracks by name."""
    members: dict[Path, list[Record]] = {}
    for record in records.values():
        if record.folder is not None:
            members.setdefault(record.folder.parent, []).append(record)
    found: dict[str, list[Tracks]] = {}
    for path, some in members.items():
        if (metadata := _metadata(path)) is not None:
            tracks = Tracks(path, some[0].camera, len(some), metadata)
            found.setdefault(path.name, []).append(tracks)
    return found


def _metadata(folder: Path) -> dict[str, Any] | None:
    """What tracking noted of a video; None if nothing, or nothing valid."""
    found = read_video_file(folder) or {}
    try:
        valid = (
            isinstance(found["source"], str)
            and all(type(number) is int for number in found["identity"])
            and 0 < float(found["frame_rate"]) < 1e6
        )
    except (ValueError, KeyError, TypeError):
        return None
    return found if valid else None


def places(folders: Iterable[Path], names: Set[str]) -> dict[str, list[Path]]:
    """Files and folders of images of these names inside the folders; links that lead out of them are none."""
    found: dict[str, list[Path]] = {}
    looked = 0
    for folder in folders:
        root = folder.resolve()
        if (name := camera_name(root)) in names:
            found.setdefault(name, []).append(root)
        for base, folders_here, files in os.walk(root):
            looked += len(folders_here) + len(files)
            if looked > _MOST_ENTRIES:
                return found
            named = [(printable(file), Path(base) / file) for file in files]
            named += [(camera_name(Path(base) / each), Path(base) / each) for each in folders_here]
            for name, path in named:
                if name in names and path.resolve().is_relative_to(root):
                    found.setdefault(name, []).append(path)
    return found


def identity_of(path: Path) -> tuple[int, ...] | None:
    """As `stca.footage.sources.Source.identity` has it; None if it cannot be read."""
    try:
        if path.is_dir():
            images = folder_images(path)
            return image_identity(images) if images else None
        status = path.stat()
        return (status.st_size, status.st_mtime_ns) if path.is_file() else None
    except OSError:
        return None
