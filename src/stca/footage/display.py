"""Decoded video frames as a player shows them: rotated, mirrored, with square pixels, in standard range."""

from __future__ import annotations

import warnings
from typing import Any

from stca.footage.containers import import_av
from stca.footage.orientation import RGB, UPRIGHT, Orientation, orientation_of_matrix, oriented

LEAST_STRETCH, MOST_STRETCH = 0.01, 4.0
"""A pixel aspect ratio within 1 % of 1 is left alone, and one beyond 4:1 or 1:4 is taken for a mistake."""

_PQ, _HLG = 16, 18  # transfer characteristics of ITU-T H.273: SMPTE ST 2084 and ARIB STD-B67
_SRGB, _BT709 = 13, 1


class Display:
    """Turns decoded frames of one stream into pictures of one size.

    The rotation and the size are those of the first frame; frames of another size are scaled to it. Pixels
    that are not square are made so by enlarging: the width where they are wide, the height where they are
    tall. High dynamic range (PQ, HLG) is converted to sRGB by FFmpeg.

    Args:
        stream: PyAV's.
        name: of the video, for warnings.
        coded: give the frames as they are stored: neither turned nor stretched.

    """

    def __init__(self, stream: Any, name: str, *, coded: bool = False) -> None:
        self._name, self._coded = name, coded
        self._aspect = 1.0 if coded else _pixel_aspect(stream)
        self._orientation = UPRIGHT
        self._first: tuple[int, int] | None = None  # width and height as stored
        self._size = 0, 0  # as shown, before it is turned
        self._warned = False
        self._convert: Any = None  # of high dynamic range; it keeps a table that takes seconds to build

    def image(self, frame: Any) -> RGB:
        """One frame as it is to be shown, (H, W, 3) uint8, RGB."""
        stored = frame.width, frame.height
        if self._first is None:
            self._begin(frame)
        elif stored != self._first and not self._warned:
            self._warned = True
            warnings.warn(size_change(self._name, self._first, stored), stacklevel=2)
        width, height = self._size
        if self._convert is not None:
            frame = self._convert.reformat(
                frame, format="rgb24", dst_color_trc=_SRGB, dst_color_primaries=_BT709
            )
        return oriented(frame.to_ndarray(format="rgb24", width=width, height=height), self._orientation)

    def size(self, frame: Any) -> tuple[int, int]:
        """Width and height of the pictures, by the first frame."""
        if self._first is None:
            self._begin(frame)
        return self._size[::-1] if self._orientation.transpose else self._size

    def _begin(self, frame: Any) -> None:
        self._first = frame.width, frame.height
        self._size = _square(frame.width, frame.height, self._aspect)
        if not self._coded:
            self._orientation = _orientation(frame)
        if frame.color_trc in (_PQ, _HLG):
            self._convert = import_av().video.reformatter.VideoReformatter()


def _pixel_aspect(stream: Any) -> float:
    """Width of a pixel divided by its height; 1 where nothing sensible is said."""
    stated = float(stream.sample_aspect_ratio or 1)
    sensible = 1 / MOST_STRETCH <= stated <= MOST_STRETCH and abs(stated - 1) >= LEAST_STRETCH
    return stated if sensible else 1.0


def _square(width: int, height: int, aspect: float) -> tuple[int, int]:
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _orientation(frame: Any) -> Orientation:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else orientation_of_matrix(bytes(matrix))


def size_change(name: str, first: tuple[int, int], now: tuple[int, int]) -> str:
    """The warning where frames (width, height) change their size."""
    sizes = " to ".join(f"{width} x {height}" for width, height in (first, now))
    return f"{name}: the size of the frames changes from {sizes}; all are scaled to the first"
