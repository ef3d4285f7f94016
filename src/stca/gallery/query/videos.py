"""A person in a video as a query."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stca.errors import ConfigError, GalleryError
from stca.footage.images import RGB
from stca.footage.sources import Frame, open_source
from stca.gallery.query.crops import (
    Box,
    cut,
    find_people,
    format_box,
    is_crop,
    person_box,
    scene_detector,
    write_crop,
)
from stca.gallery.query.following import by_detector, by_template, follow
from stca.tools.progress import progress
from stca.tracking import TrackOptions, default_detector, open_detector, write_tracks
from stca.tracking.detectors.detections import Detector
from stca.tracks import TrackRecord, read_tracklet

_SECONDS = 1.0
"""A person is followed for this long before and after the given time."""
_STEP = 0.07
"""Seconds between two frames that are used, at least."""
_SAME_TIME, _MOST_AWAY = 1e-3, 0.5
"""Seconds: rounding of times, and how far from the given time the frame may be."""


def moment_crops(
    video: Path, work: Path, *, at: float, box: Box | None, detector: Detector | None
) -> tuple[list[Path], list[str]]:
    """Crops of the person who is in a box at a time, followed for a second before and after.

    Args:
        video: decoded from its beginning to a second after `at`.
        work: folder to write crops to.
        at: seconds from the video's beginning.
        box: of the person in the frame at that time; None: the only person that the detector finds.
        detector: finds the person in the other frames; None: by template matching, or, without a box, by the
            default detector.

    Returns:
        Files of the crops, and sentences that say what was used.

    Raises:
        FrameError: the video cannot be read.
        GalleryError: without a box: nobody or several people at that time.
        ConfigError: a time outside the video, or a box outside the frame.

    """
    frames, here = _around(video, at)
    image, where = frames[here].image, f"{video} at {at:g} s"
    if box is None:
        detector = detector or scene_detector()
        box = person_box(find_people(detector, image), image, where=where) or _whole(image)
    cut(image, box, where=where)  # a box outside the image is an error before anything is written
    step = by_template if detector is None else by_detector(detector)
    later = follow([frame.image for frame in frames[here:]], box, step)
    earlier = follow([frame.image for frame in frames[here::-1]], box, step)[1:]
    boxes = earlier[::-1] + later
    first = here - len(earlier)
    crops = [
        write_crop(work, frame.number, cut(frame.image, each, where=where))
        for frame, each in zip(frames[first : first + len(boxes)], boxes, strict=True)
        if _inside(frame, each)
    ]
    times = frames[first].time, frames[first + len(boxes) - 1].time
    note = (
        f"{video.name}: the person at {format_box(box)} was followed through {len(crops)} frames, "
        f"{times[0]:.2f} to {times[1]:.2f} s"
    )
    return crops, [note]


def _inside(frame: Frame, box: Box) -> bool:
    """Whether at least half of the box is inside the frame."""
    height, width = frame.image.shape[:2]
    wide = min(width, box[0] + box[2]) - max(0.0, box[0])
    high = min(height, box[1] + box[3]) - max(0.0, box[1])
    return bool(min(wide, high) > 0 and wide * high >= 0.5 * box[2] * box[3])


def _whole(image: RGB) -> Box:
    return 0.0, 0.0, float(image.shape[1]), float(image.shape[0])


def _around(video: Path, at: float) -> tuple[list[Frame], int]:
    """Frames within a second of a time, about 0.07 s apart, and the index of the one shown at that time."""
    source = open_source(video)
    before: list[Frame] = []
    after: list[Frame] = []
    shown: Frame | None = None
    last = 0.0
    for frame in progress(source.frames(), label=f"reading {video.name}", total=source.num_frames):
        last = frame.time
        if frame.time > at + _SECONDS:
            break
        if frame.time > at + _SAME_TIME:
            if not after or frame.time - after[-1].time >= _STEP:
                after.append(frame)
            continue
        in_range = shown is not None and shown.time >= at - _SECONDS
        if shown is not None and in_range and (not before or shown.time - before[-1].time >= _STEP):
            before.append(shown)
        shown = frame
    if shown is None and after:
        shown = after.pop(0)  # the first frame may be a little later than 0
    if shown is None or abs(at - shown.time) > max(_MOST_AWAY, 2 / source.frame_rate):
        nearest = "" if shown is None else f" (the nearest frame is at {shown.time:.2f})"
        raise ConfigError(
            "The video has no frame at this time",
            expected=f"seconds from its beginning; it was read up to {last:.2f}",
            found=f"{at:g}{nearest}",
            where=video,
        )
    return [*before, shown, *after], len(before)


class _Seen(NamedTuple):
    folder: Path
    record: TrackRecord


def only_person(video: Path, work: Path, *, detector: str) -> tuple[list[Path], list[str]]:
    """Crops of the only person in a whole video, by `stca track`.

    Raises:
        FrameError: the video cannot be read.
        GalleryError: nobody was followed, or several people.

    """
    seen = [_Seen(*pair) for pair in write_tracks(video, work / "tracks", TrackOptions(detector=detector))]
    usable = [each for each in seen if any(frame.use for frame in each.record.frames)]
    if len(usable) != 1:
        raise GalleryError(
            "A query video has several tracklets" if usable else "Nobody was tracked in a query video",
            expected="one person, or a box and a time",
            found=f"{len(usable)} tracklets" + "".join(f"; {_describe(each.record)}" for each in usable[:6]),
            where=video,
            hint="--box and --at choose one; or `stca track` the video and search for one of its tracklets",
        )
    found = read_tracklet(usable[0].folder)
    return list(found.frames), [f"{video.name}: {_describe(usable[0].record)} is the query"]


def _describe(record: TrackRecord) -> str:
    middle = record.frames[len(record.frames) // 2]
    return f"box {format_box(middle.box)} at {middle.time:.2f}"


def whole_frames(video: Path, work: Path, *, whole: bool) -> tuple[list[Path], list[str]] | None:
    """All frames of a video that is itself cut to one person; None where it is not, and not `whole`.

    Raises:
        FrameError: the video cannot be read.

    """
    source = open_source(video)
    crops: list[Path] = []
    for frame in progress(source.frames(), label=f"reading {video.name}", total=source.num_frames):
        if not crops and not whole and not is_crop(frame.image):
            return None
        crops.append(write_crop(work, frame.number, frame.image))
    note = f"{video.name} is used whole: {len(crops)} frames as crops of one person"
    return crops, [note]


def video_crops(
    video: Path, work: Path, *, box: Box | None, at: float | None, detector: str | None, whole: bool
) -> tuple[list[Path], list[str]]:
    """Crops of one person of a video: at a time, else frames of a crop's shape, else its only person."""
    if at is not None:
        opened = None if detector is None else open_detector(detector)
        return moment_crops(video, work, at=at, box=box, detector=opened)
    if box is not None:
        raise ConfigError("A box in a video needs a time", where=video, hint="--at SECONDS (at=...)")
    crops = whole_frames(video, work, whole=whole) if whole or detector is None else None
    return crops or only_person(video, work, detector=detector or default_detector())
