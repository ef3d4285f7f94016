"""A video with the tracks drawn into it: boxes, numbers, and where everybody walked in the last seconds."""

from __future__ import annotations

import colorsys
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from stca.boxes import MotRow, blur_head, read_mot
from stca.errors import ConfigError, StcaError
from stca.footage.images import RGB
from stca.footage.sources import Frame, open_source
from stca.footage.video import import_av
from stca.tools.files import atomic_write
from stca.tools.progress import progress
from stca.tracking.camera_folder.writing import TRACKS_FILE
from stca.tracking.options import TrackOptions, VideoSummary
from stca.tracking.regions import Region

_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
_TRAIL = 4.0  # seconds of a track's feet that are drawn
_CLOCK = 90_000  # ticks per second, as MPEG has them
_ZONE, _MASK = (255, 200, 0), (90, 90, 90)

Trails = dict[int, deque[tuple[float, tuple[int, int]]]]


def check_drawing(path: Path, videos: Sequence[str | Path] = ()) -> None:
    """Raise ConfigError unless a drawn video can be written there, and replaces none of the videos."""
    if path.suffix.lower() not in _CONTAINERS:
        raise ConfigError(
            "A drawn video is written to an MP4, MOV or Matroska file",
            expected=f"a name that ends in {', '.join(_CONTAINERS)}",
            found=path.name,
        )
    if not path.parent.is_dir():
        raise ConfigError("There is no such folder for the drawn video", where=path.parent)
    if any(path.resolve() == Path(video).resolve() for video in videos if "://" not in str(video)):
        raise ConfigError(
            "The drawn video would replace the original", where=path, hint="give --draw another name"
        )


def draw_tracks(
    place: str | Path,
    summary: VideoSummary,
    path: Path,
    *,
    options: TrackOptions,
    zones: Sequence[Region] = (),
    blur: bool = False,
    show: bool = False,
) -> None:
    """Read a finished video again and draw its tracks, with their final numbers.

    Numbers are final only when tracks have ended, so the video is read a second time instead of keeping
    seconds of frames in memory.

    Args:
        place: of the video.
        summary: of its tracking.
        path: see `draw_video`.
        options: with which it was tracked; its masks are shaded.
        zones: outlined.
        blur: blur the heads of everybody who is tracked.
        show: a progress bar.

    Raises:
        ConfigError: a live camera, which cannot be read again, or a wrong suffix.
        FrameError: the video cannot be read.

    """
    source = open_source(place, frame_rate=options.frame_rate, coded=options.coded)
    if source.live:
        raise ConfigError("A live camera cannot be read again to draw its tracks", found=source.name)
    every = options.every
    frames: Iterable[Frame] = (f for f in source.frames() if (f.number - 1) % every == 0)
    if show:
        total = source.num_frames and -(-source.num_frames // every)
        frames = progress(frames, label=f"drawing {path.name}", total=total)
    rows = read_mot(summary.folder / TRACKS_FILE).rows if summary.tracks else ()
    rate = source.frame_rate / every
    draw_video(frames, rows, path, frame_rate=rate, zones=zones, masks=options.masks, blur=blur)


def draw_video(
    frames: Iterable[Frame],
    rows: Iterable[MotRow],
    path: Path,
    *,
    frame_rate: float,
    zones: Sequence[Region] = (),
    masks: Sequence[Region] = (),
    blur: bool = False,
) -> None:
    """Write the frames with their tracks as H.264; frames are read, drawn and encoded one by one.

    The file appears when it is complete. Frames keep their times; an odd width or height loses one pixel,
    as H.264 needs even ones.

    Args:
        frames: of the video, in order.
        rows: boxes with track numbers, in pixels of the frames.
        path: .mp4, .mov or .mkv.
        frame_rate: frames per second.
        zones: outlined, with their names.
        masks: shaded.
        blur: blur the upper part of every box (`stca.boxes.blur_head`); whom no box is on is not blurred.

    Raises:
        ConfigError: another suffix.
        StcaError: PyAV lacks an H.264 encoder, or is not installed.

    """
    check_drawing(path)
    av = import_av()
    by_frame: dict[int, list[MotRow]] = defaultdict(list)
    for row in rows:
        by_frame[row.frame].append(row)
    trails: Trails = defaultdict(deque)
    stream: Any = None
    last = -1
    with atomic_write(path) as file, av.open(file, "w", format=_CONTAINERS[path.suffix.lower()]) as container:
        for frame in frames:
            height, width = (side // 2 * 2 for side in frame.image.shape[:2])
            if stream is None:
                stream = _add_stream(container, frame_rate, width, height)
            image = _draw(frame, by_frame.pop(frame.number, []), trails, zones, masks, blur=blur)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
            picture.pts = last = max(round(frame.time * _CLOCK), last + 1)
            picture.time_base = Fraction(1, _CLOCK)
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def _add_stream(container: Any, frame_rate: float, width: int, height: int) -> Any:
    try:
        stream = container.add_stream(
            "libx264",
            rate=Fraction(frame_rate).limit_denominator(1001),
            options={"crf": "23", "preset": "veryfast"},
        )
    except (ValueError, RuntimeError, LookupError) as error:
        raise StcaError(
            "Drawing needs PyAV with the encoder libx264", found=error, hint="pip install --upgrade av"
        ) from error
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, _CLOCK)
    return stream


def _draw(
    frame: Frame,
    rows: list[MotRow],
    trails: Trails,
    zones: Sequence[Region],
    masks: Sequence[Region],
    *,
    blur: bool,
) -> RGB:
    """A copy of the frame with everything drawn; trails are brought up to date."""
    import cv2

    image = frame.image.copy()
    for row in rows if blur else ():
        blur_head(image, (row.left, row.top, row.width, row.height))
    for mask in masks:
        shade = image.copy()
        cv2.fillPoly(shade, [_corners(mask)], _MASK)
        image = cv2.addWeighted(shade, 0.6, image, 0.4, 0)
    for number, zone in enumerate(zones, start=1):
        cv2.polylines(image, [_corners(zone)], True, _ZONE, 2, cv2.LINE_AA)
        name = zone.name if zone.name.isascii() else f"zone {number}"  # OpenCV's letters are ASCII
        _label(image, name, tuple(_corners(zone)[0].tolist()), _ZONE)
    for row in sorted(rows, key=lambda r: r.top + r.height):  # nearer people over those behind them
        trail = trails[row.track]
        trail.append((frame.time, (round(row.left + row.width / 2), round(row.top + row.height))))
        colour = colour_of(row.track)
        while frame.time - trail[0][0] > _TRAIL:
            trail.popleft()
        cv2.polylines(image, [np.array([p for _, p in trail], np.int32)], False, colour, 2, cv2.LINE_AA)
        corner = round(row.left), round(row.top)
        cv2.rectangle(image, corner, (round(row.left + row.width), round(row.top + row.height)), colour, 2)
        _label(image, str(row.track), corner, colour)
    return image


def _label(image: RGB, text: str, corner: tuple[int, ...], colour: tuple[int, int, int]) -> None:
    """White text on a coloured field above a corner; below it where there is no room."""
    import cv2

    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    x = min(max(corner[0], 0), max(image.shape[1] - width - 6, 0))
    y = max(corner[1], height + 7)
    cv2.rectangle(image, (x, y - height - 7), (x + width + 6, y), colour, -1)
    white = (255, 255, 255)
    cv2.putText(image, text, (x + 3, y - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.5, white, 1, cv2.LINE_AA)


def _corners(region: Region) -> np.ndarray:
    return np.array(region.points).round().astype(np.int32)


def colour_of(track: int) -> tuple[int, int, int]:
    """RGB; neighbouring track numbers get colours far apart, by the golden ratio of the hue."""
    red, green, blue = colorsys.hsv_to_rgb(track * 0.381966 % 1, 0.85, 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)
