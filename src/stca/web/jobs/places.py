"""Which videos of the server's disk may be added: those in folders that its owner allowed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stca.footage.containers import VIDEO_SUFFIXES, open_container, video_stream
from stca.web.jobs.errors import JobError

MOST_LISTED = 5000
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class AllowedVideo:
    """A video that may be added.

    Args:
        name: its path below one of the folders, with `/`; `allowed_video` takes it.
        size: in bytes.
        changed: when, POSIX seconds.
        path: of the file.

    """

    name: str
    size: int
    changed: float
    path: Path


def allowed_video(folders: Sequence[Path], name: str) -> Path:
    """The file that a name means.

    Args:
        folders: that the owner allowed; the first that has the name counts.
        name: a path below one of them.

    Raises:
        JobError: there is no such file below them, also where the path or a symbolic link leads out (404); it
            is no video, but a playlist or a script for instance (422).

    """
    path = _resolved(folders, name)
    if path is None:
        raise JobError(
            "There is no such video in the folders of this server",
            status=404,
            found=name[:200],
            hint="choose one of the list",
        )
    try:
        with open_container(path) as container:
            video_stream(container, path)
    except Exception as error:
        what = getattr(error, "what", None) or "This file is no video"
        raise JobError(
            what, status=422, expected="a video", found=getattr(error, "found", None), where=path
        ) from error
    return path


def list_videos(folders: Sequence[Path]) -> list[AllowedVideo]:
    """The videos below the folders, by suffix: by name, `MOST_LISTED` at most."""
    found: dict[str, AllowedVideo] = {}
    for folder in folders:
        for path in _walk(folder, _DEEPEST):
            name = path.relative_to(folder).as_posix()
            if name in found or path.suffix.lower() not in VIDEO_SUFFIXES:
                continue
            if (inside := _resolved(folders, name)) is not None:
                status = inside.stat()
                found[name] = AllowedVideo(name, status.st_size, status.st_mtime, inside)
            if len(found) >= MOST_LISTED:
                break
    return sorted(found.values(), key=lambda video: video.name)


def _resolved(folders: Sequence[Path], name: str) -> Path | None:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\0" in name or "\\" in name or ".." in parts:
        return None
    for folder in folders:
        try:
            root = folder.resolve(strict=True)
            path = (root / name).resolve(strict=True)
            if path.is_relative_to(root) and path.is_file():
                return path
        except (OSError, RuntimeError, ValueError):  # not there, a circle of links, no name
            continue
    return None


def _walk(folder: Path, deep: int) -> Iterator[Path]:
    """What is no folder, below a folder; names that begin with a dot are left out."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if deep:
                yield from _walk(Path(entry.path), deep - 1)
        else:
            yield Path(entry.path)
