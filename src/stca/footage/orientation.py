"""Turning and mirroring pictures upright: EXIF orientations and the display matrices of videos."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

RGB = UInt8[np.ndarray, "H W 3"]
"""One picture in memory: height, width, and the channels red, green and blue."""


class Orientation(NamedTuple):
    """What has to be done to stored pixels before they are shown: transpose first, then flip.

    Args:
        transpose: exchange rows and columns.
        flip_rows: exchange top and bottom.
        flip_columns: exchange left and right.

    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False


UPRIGHT = Orientation()

EXIF_ORIENTATION = {
    1: UPRIGHT,
    2: Orientation(flip_columns=True),
    3: Orientation(flip_rows=True, flip_columns=True),
    4: Orientation(flip_rows=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_columns=True),
    7: Orientation(transpose=True, flip_rows=True, flip_columns=True),
    8: Orientation(transpose=True, flip_rows=True),
}
"""Values of EXIF tag 0x0112 (Exif 2.32, section 4.6.4)."""


def orientation_of_matrix(matrix: bytes) -> Orientation:
    """Read a display matrix as FFmpeg has it: nine 32-bit integers a b u, c d v, x y w.

    A stored pixel (x, y) is shown at (a x + c y, b x + d y), as ISO/IEC 14496-12 defines it for a track. A
    rotation that is no multiple of 90 degrees becomes the nearest one.
    """
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, flip_rows=b < 0, flip_columns=c < 0)
    return Orientation(False, flip_rows=d < 0, flip_columns=a < 0)


def oriented(image: RGB, orientation: Orientation) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture as it is to be shown; the memory is contiguous."""
    if orientation == UPRIGHT:
        return image
    height, width = image.shape[:2]
    shown = np.empty((width, height, 3) if orientation.transpose else image.shape, np.uint8)
    target = shown[:: -1 if orientation.flip_rows else 1, :: -1 if orientation.flip_columns else 1]
    for channel in range(3):  # by channel: twice as fast as pixels of three bytes
        source = image[..., channel]
        target[..., channel] = source.T if orientation.transpose else source
    return shown
