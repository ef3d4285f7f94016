"""Videos in folders, lists and object stores, and local copies of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stca.errors import ConfigError, FrameError, StcaError, first_line
from stca.footage.containers import VIDEO_SUFFIXES, is_address, without_password
from stca.tools.files import natural_key

LIST_SUFFIX = ".txt"


@dataclass(frozen=True, slots=True)
class Place:
    """A video.

    Args:
        address: its path, or its address in an object store.
        size: bytes; 0 where it is not known.

    """

    address: str
    size: int = 0

    @property
    def shown(self) -> str:
        """The address as it may be printed."""
        return without_password(self.address)


def find_videos(places: Sequence[str]) -> list[Place]:
    """The videos at these places, each once, in natural order.

    A place is a video, a folder with videos in it at any depth, a list of places (.txt, one a line; empty
    lines and those that begin with # are skipped), or an address that fsspec reads (`s3://bucket/cameras`,
    `gs://...`, `https://host/video.mp4`), of one video or of a folder of them.

    Raises:
        ConfigError: a place that does not exist, or without any video; a list that is no text or names
            itself.
        StcaError: the package for that kind of address is not installed.

    """
    found = [video for place in places for video in _videos(place)]
    unique = {video.address: video for video in found}
    return sorted(unique.values(), key=lambda video: natural_key(video.address))


@contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """The video as a file of this machine: itself, or a copy that is removed afterwards, of the same name.

    Raises:
        FrameError: it cannot be fetched.

    """
    if not is_address(address):
        yield Path(address)
        return
    with tempfile.TemporaryDirectory(prefix="stca-video-") as folder:
        files, path = _file_system(address)
        target = Path(folder) / PurePosixPath(path.partition("?")[0]).name
        try:
            files.get_file(path, str(target))
        except Exception as error:  # every object store has its own
            raise FrameError(
                "A video cannot be fetched", found=_why(error, address), where=without_password(address)
            ) from error
        os.utime(target, (0, 0))  # part of what tells one video from another: not the time of fetching
        yield target


def _videos(place: str, above: tuple[Path, ...] = ()) -> list[Place]:
    """The videos at a place that is named in these lists, the last in the one before it and so on."""
    if is_address(place):
        return _stored(place)
    path = Path(place)
    if path.suffix.lower() == LIST_SUFFIX and path.is_file():
        if (real := path.resolve()) in above:
            raise ConfigError("A list of videos names itself", found=place, where=above[-1])
        return [
            video
            for line in _lines(path)
            if line and not line.startswith("#")
            for video in _videos(line if is_address(line) else str(path.parent / line), (*above, real))
        ]
    if path.is_dir():
        inside = [p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
        return _any([Place(str(p.absolute()), p.stat().st_size) for p in inside], place)
    if not path.is_file():
        raise ConfigError("There is no such video, folder or list", where=place)
    return [Place(str(path.absolute()), path.stat().st_size)]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "A list of videos cannot be read", expected="text in UTF-8", found=first_line(error), where=path
        ) from error


def _stored(address: str) -> list[Place]:
    """The video at an address, or the videos below it."""
    files, path = _file_system(address)
    try:
        if PurePosixPath(path.partition("?")[0]).suffix.lower() in VIDEO_SUFFIXES:
            return [Place(address, int(files.info(path).get("size") or 0))]
        inside = files.find(path, detail=True)
    except Exception as error:  # every object store has its own
        raise ConfigError(
            "An object store cannot be listed", found=_why(error, address), where=without_password(address)
        ) from error
    videos = [
        Place(str(files.unstrip_protocol(name)), int(facts.get("size") or 0))
        for name, facts in inside.items()
        if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES
    ]
    return _any(videos, without_password(address))


def _why(error: Exception, address: str) -> str:
    """An object store's message, without the password that the address in it may have."""
    return first_line(error).replace(address, without_password(address))


def _any(videos: list[Place], where: str) -> list[Place]:
    if not videos:
        raise ConfigError("No videos here", expected=", ".join(sorted(VIDEO_SUFFIXES)), where=where)
    return videos


def _file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it."""
    try:
        import fsspec
    except ImportError as error:
        raise StcaError("fsspec is not installed", hint="pip install 'stca[ray]'") from error
    try:
        files, path = fsspec.core.url_to_fs(address)
    except ImportError as error:  # names the package, such as s3fs or gcsfs
        raise StcaError(
            "The package for this kind of address is not installed",
            found=first_line(error),
            where=without_password(address),
        ) from error
    except ValueError as error:
        raise ConfigError(
            "There is no such kind of address", found=first_line(error), where=without_password(address)
        ) from error
    return files, path
