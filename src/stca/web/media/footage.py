"""The videos that a gallery's tracklets come from, where they still are and may be shown."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stca.errors import DatasetError, FrameError
from stca.footage.images import RGB
from stca.gallery.records import Record
from stca.tracks import read_track
from stca.web.media.videos.frames import VideoFrames
from stca.web.media.videos.images import ImageFrames
from stca.web.media.videos.tracked import Tracks, identity_of, places, tracks_by_folder
from stca.web.problems import not_found
from stca.web.texts import text

_OPEN = 4
"""Videos that stay open."""
_LOOK_AGAIN = 10.0
"""Seconds after which a video that was not found is looked for again."""

_AMBIGUOUS = text("footage.ambiguous")

Box = tuple[float, float, float, float]
Frames = ImageFrames | VideoFrames


@dataclass(frozen=True, slots=True)
class TrackedVideo:
    """A video or a folder of images that was tracked, at hand.

    Args:
        path: of the file or folder, inside an allowed folder.
        name: of the source, as tracking noted it.
        folder: name of the folder of its tracks, with which the keys of its tracklets begin.
        camera: the camera's name.
        frame_rate: frames a second, as tracking counted.
        num_frames: None where tracking did not read all of them.
        width, height: of its frames as shown, in pixels.
        boxes_fit: whether the boxes of its tracklets are in pixels of the frames as shown; they are not
            where it was tracked with `--coded`.

    """

    path: Path
    name: str
    folder: str
    camera: str
    frame_rate: float
    num_frames: int | None
    width: int
    height: int
    boxes_fit: bool
    _frames: Frames = field(repr=False)

    def image(self, frame: int) -> RGB:
        """Frame number `frame`, from 1, as tracking counted; errors as of `VideoFrames.image`."""
        return self._frames.image(frame)

    def seconds(self, frame: int) -> float:
        """Its time since the first frame, for `stca.gallery.open_query`; errors as of `image`."""
        return self._frames.seconds(frame)

    def photo(self, frame: int) -> Path | None:
        """The file of a frame where the source is a folder of images, for `stca.gallery.open_query`.

        Raises:
            WebError: there is no such frame (404), or it is shown in another size than the file's (422).

        """
        return self._frames.photo(frame) if isinstance(self._frames, ImageFrames) else None


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """A video that was tracked.

    Args:
        folder: name of the folder of its tracks, see `Footage.video`.
        name: of the source.
        camera: the camera's name.
        tracklets: in the gallery.
        at_hand: whether `Footage.video` finds it.
        problem: why not; empty if it does.

    """

    folder: str
    name: str
    camera: str
    tracklets: int
    at_hand: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a tracklet is in its video.

    Args:
        folder: see `Footage.video`.
        frame_rate: frames a second.
        boxes: (frame number, (left, top, width, height)), in order; at least one.

    """

    folder: str
    frame_rate: float
    boxes: tuple[tuple[int, Box], ...]


def sighting(record: Record) -> Sighting | None:
    """Where a tracklet is in its video; None where tracking left no record of it, or it is gone."""
    if record.folder is None:
        return None
    try:
        track = read_track(record.folder)
    except DatasetError:
        return None
    if track is None:
        return None
    boxes = tuple((frame.frame, frame.box) for frame in track.frames)
    return Sighting(record.folder.parent.name, track.frame_rate, boxes)


class Footage:
    """Finds the videos of a gallery's cameras inside the allowed folders; callable from any thread.

    A video is known by its name, its number of bytes and the time of its last change, which tracking noted.

    Args:
        records: gives the gallery's records by key; the same object as long as nothing changes.
        videos: folders whose videos may be shown; nothing outside them is opened.

    """

    def __init__(self, records: Callable[[], Mapping[str, Record]], videos: tuple[Path, ...]) -> None:
        self._records, self._videos = records, videos
        self._lock = threading.Lock()
        self._seen: tuple[Mapping[str, Record], dict[str, list[Tracks]]] | None = None
        self._places: dict[str, list[Path]] = {}  # where files of the videos' names are
        self._looked = -_LOOK_AGAIN
        self._opened: OrderedDict[tuple[object, ...], Frames] = OrderedDict()

    def close(self) -> None:
        """Close the videos that are open."""
        with self._lock:
            opened, self._opened = list(self._opened.values()), OrderedDict()
        for frames in opened:
            frames.close()

    def all(self) -> list[ListedVideo]:
        """Every tracked video by the name of its folder of tracks."""
        listed = []
        for folder, several in sorted(self._folders().items()):
            for tracks in several:
                problem = _AMBIGUOUS if len(several) > 1 else self._find(tracks)[1]
                listed.append(
                    ListedVideo(folder, tracks.name, tracks.camera, tracks.tracklets, not problem, problem)
                )
        return listed

    def has(self, path: Path) -> bool:
        """Whether the gallery has tracklets of this file, known by its name, size and time of last change."""
        several = [each for found in self._folders().values() for each in found if each.name == path.name]
        return any(each.identity and each.identity == identity_of(path) for each in several)

    def video(self, folder: str) -> TrackedVideo:
        """The video whose tracks are in a folder of this name.

        Raises:
            WebError: there is none, or it is not at hand (404); it takes too long to read (503).

        """
        several = self._folders().get(folder, [])
        if not several:
            raise not_found("There is no such tracked video", found=folder, hint="/videos lists them")
        tracks = several[0]
        path, problem = (None, _AMBIGUOUS) if len(several) > 1 else self._find(tracks)
        if path is None:
            raise not_found(
                "The video of these tracks cannot be shown",
                expected=f"{tracks.name} inside a folder that the server may show",
                found=problem,
                hint="start the server with --videos DIR, the folder that holds the video",
            )
        frames = self._open(path, tracks)
        try:
            width, height = frames.size
        except FrameError as error:
            raise not_found("The video of these tracks cannot be read", found=error.found) from error
        return TrackedVideo(
            path=path,
            name=tracks.name,
            folder=folder,
            camera=tracks.camera,
            frame_rate=tracks.frame_rate,
            num_frames=tracks.frames,
            width=width,
            height=height,
            boxes_fit=tracks.boxes_fit,
            _frames=frames,
        )

    # ---- tracks ----

    def _folders(self) -> dict[str, list[Tracks]]:
        records = self._records()
        with self._lock:
            if self._seen is None or self._seen[0] is not records:
                self._seen = records, tracks_by_folder(records)
            return self._seen[1]

    # ---- videos ----

    def _open(self, path: Path, tracks: Tracks) -> Frames:
        folder = path.is_dir()
        key = path, folder, tracks.identity, tracks.frames
        with self._lock:
            frames = self._opened.pop(key, None)
            if frames is None and folder:
                frames = ImageFrames(path, frame_rate=tracks.frame_rate)
            elif frames is None:
                frames = VideoFrames(path, frames=tracks.frames)
            self._opened[key] = frames
            old = [self._opened.popitem(last=False)[1] for _ in range(len(self._opened) - _OPEN)]
        for each in old:
            each.close()
        return frames

    def _find(self, tracks: Tracks) -> tuple[Path | None, str]:
        """The video, or why there is none to show."""
        if not tracks.identity:
            return None, text("footage.live")
        if not self._videos:
            return None, text("footage.no_folders")
        candidates = self._places.get(tracks.name, [])
        path = next((path for path in candidates if identity_of(path) == tracks.identity), None)
        if path is None and time.monotonic() - self._looked >= _LOOK_AGAIN:
            names = {each.name for several in self._folders().values() for each in several}
            self._places, self._looked = places(self._videos, names), time.monotonic()
            candidates = self._places.get(tracks.name, [])
            path = next((path for path in candidates if identity_of(path) == tracks.identity), None)
        if path is not None:
            return path, ""
        if not candidates:
            return None, text("footage.no_file", name=tracks.name)
        return None, text("footage.other_file", name=tracks.name)
