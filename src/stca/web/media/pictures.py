"""Pictures of tracklets and frames, encoded anew and of bounded size."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image

from stca.errors import FrameError
from stca.footage.images import RGB, read_image
from stca.gallery.adding import find_crops
from stca.gallery.records import Record
from stca.tracks import FoundTracklet, representative_crops
from stca.web.problems import WebError, not_found

THUMBNAIL = 256, 256
CROP = 768, 768
FRAME = 1920, 1440
"""Width and height that pictures have at most; none is enlarged."""
MOST_PLAYED = 24
"""Crops of a playing tracklet."""
_PLAYED = 160, 192
_STEP = 0.075
"""Seconds between two crops that are played, at least: more pictures look no smoother at this size."""
_LEAST_MS, _MOST_MS, _UNTIMED_MS = 40, 1000, 120
_OTHERS = 6
"""Crops that are tried where the best one cannot be read."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as it is sent.

    Args:
        data: the file.
        kind: its media type.
        size: width and height of the original in pixels.

    """

    data: bytes
    kind: str
    size: tuple[int, int]


def crops_of(record: Record) -> FoundTracklet:
    """The crops of a tracklet; a WebError of status 404 if they are gone."""
    found = find_crops(record)
    if found is None:
        raise not_found(
            "The crops of this tracklet are gone",
            found=record.key,
            hint="put the folder back to where it was, or add it again from where it is now",
        )
    return found


def thumbnail(record: Record) -> Encoded:
    """The best crop that can be read.

    Raises:
        WebError: there is none (404).

    """
    found = crops_of(record)
    others = representative_crops(found, _OTHERS)
    return _first_readable([*representative_crops(found, 1), *others], THUMBNAIL)


def crop(record: Record, number: int) -> Encoded:
    """Crop `number` of the usable ones, from 1.

    Raises:
        WebError: there is none, or it cannot be read (404).

    """
    frames = crops_of(record).frames
    if not 1 <= number <= len(frames):
        raise not_found("There is no such crop", expected=f"1 to {len(frames)}", found=number)
    return _first_readable([frames[number - 1]], CROP)


def jpeg(image: RGB, most: tuple[int, int], *, quality: int = 85) -> Encoded:
    """A picture as JPEG, made smaller where it is larger than `most` (width, height)."""
    height, width = image.shape[:2]
    scale = min(1.0, most[0] / width, most[1] / height)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=quality, colorspace="RGB")
    return Encoded(data, "image/jpeg", (width, height))


def playing(record: Record) -> Encoded:
    """A stretch of a tracklet's crops as animated WebP, in their real rhythm.

    The crops are at least 0.075 s apart and from the middle of the tracklet where it is longer. All have the
    same canvas, which is transparent where a crop does not fill it. Waits of more than a second are cut.

    Raises:
        WebError: no crop can be read (404).

    """
    found = crops_of(record)
    pictures, times = [], []
    for path, time in zip(*_stretch(found), strict=True):
        try:
            pictures.append(Image.fromarray(read_image(path, min_size=(_PLAYED[1], 1))))
        except FrameError:
            continue
        times.append(time)
    if not pictures:
        raise _unreadable(record.key)
    canvas = _canvas([picture.size for picture in pictures])
    frames = [_placed(picture, canvas) for picture in pictures]
    data = io.BytesIO()
    frames[0].save(
        data,
        format="webp",
        save_all=True,
        append_images=frames[1:],
        duration=_durations(times),
        loop=0,
        quality=72,
        method=2,
        minimize_size=False,
    )
    return Encoded(data.getvalue(), "image/webp", canvas)


def _first_readable(paths: Sequence[Path], most: tuple[int, int]) -> Encoded:
    for path in paths:
        try:
            return jpeg(read_image(path), most)
        except FrameError:
            continue
    raise _unreadable(paths[0].name)


def _unreadable(name: str) -> WebError:
    return not_found("This tracklet's crops cannot be read", found=name, hint="copy the files again")


def _stretch(found: FoundTracklet) -> tuple[list[Path], list[float | None]]:
    """The crops to be played and their times; no times where there is no side file."""
    if found.record is None:
        frames = list(found.frames)
        first = max(0, (len(frames) - MOST_PLAYED) // 2)
        some = frames[first : first + MOST_PLAYED]
        return some, [None] * len(some)
    known = {frame.file: frame.time for frame in found.record.frames}
    chosen: list[tuple[Path, float]] = []
    for path in found.frames:
        time = known[path.name]
        if not chosen or time - chosen[-1][1] >= _STEP:
            chosen.append((path, time))
    first = max(0, (len(chosen) - MOST_PLAYED) // 2)
    chosen = chosen[first : first + MOST_PLAYED]
    return [path for path, _ in chosen], [time for _, time in chosen]


def _durations(times: Sequence[float | None]) -> list[int]:
    """Milliseconds that each crop is shown: until the next one was seen; the last one as long as usual."""
    shown = [
        _UNTIMED_MS
        if before is None or after is None
        else min(max(round(1000 * (after - before)), _LEAST_MS), _MOST_MS)
        for before, after in itertools.pairwise(times)
    ]
    return [*shown, sorted(shown)[len(shown) // 2] if shown else _MOST_MS]


def _canvas(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """As high as the highest crop and as wide as the widest one is at that height, within `_PLAYED`."""
    ratio = max(width / height for width, height in sizes)
    height = min(_PLAYED[1], max(height for _, height in sizes))
    width = min(_PLAYED[0], round(height * ratio))
    return max(1, width), max(1, height)


def _placed(picture: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    scale = min(canvas[0] / picture.width, canvas[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    placed = Image.new("RGBA", canvas, (0, 0, 0, 0))
    place = (canvas[0] - size[0]) // 2, (canvas[1] - size[1]) // 2
    placed.paste(picture.resize(size, Image.Resampling.LANCZOS), place)
    return placed


def webp(image: UInt8[np.ndarray, "H W 3"], *, quality: int = 85) -> Encoded:
    """A picture as WebP."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, format="webp", quality=quality, method=4)
    return Encoded(data.getvalue(), "image/webp", (image.shape[1], image.shape[0]))
