"""Reading and writing single images. JPEG goes through libjpeg-turbo, the rest through Pillow."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image, UnidentifiedImageError

from stca.errors import FrameError, first_line
from stca.footage.orientation import RGB as RGB
from stca.footage.orientation import oriented
from stca.footage.packs import read_packed, split_packed
from stca.footage.pixels import jpeg_orientation, to_rgb
from stca.tools.files import atomic_write

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB values between 0 and 1; clips are normalised by them."""

MOST_PIXELS = 178_956_970
"""Of one image, as Pillow's own limit: a file of a few bytes may claim to have billions."""
MOST_BYTES = 2**30
"""Of one image file: that many pixels of six bytes each."""


def read_image(path: Path, *, min_size: tuple[int, int] | None = None) -> RGB:
    """Decode one image to (H, W, 3) uint8, RGB, upright as its EXIF orientation says.

    Other pixel formats are converted, see `stca.footage.pixels.to_rgb`.

    Args:
        path: a JPEG, or anything Pillow reads.
        min_size: (height, width) of the upright picture that is enough. A large JPEG is then decoded at a
            half, three eighths, a quarter or an eighth of its size, as far as both sides stay at least that
            large, which is much faster.

    Raises:
        FrameError: the file is missing, empty, truncated or no image, or has more than `MOST_PIXELS` or
            `MOST_BYTES`.

    """
    data = _read_bytes(path)
    if not data:
        raise _unreadable("an empty file", path)
    if data[:2] == b"\xff\xd8":
        # CMYK, harmless stray bytes, real damage: whatever libjpeg-turbo is not happy with, Pillow decides.
        with contextlib.suppress(ValueError, MemoryError):
            return _read_jpeg(data, path, min_size)
    return _read_by_pillow(data, path)


def _read_jpeg(data: bytes, path: Path, min_size: tuple[int, int] | None) -> RGB:
    rows, columns = simplejpeg.decode_jpeg_header(data)[:2]
    if rows * columns > MOST_PIXELS:
        raise FrameError(
            "A frame is too large",
            expected=f"at most {MOST_PIXELS:,} pixels",
            found=f"{columns:,} x {rows:,}",
            where=path,
            hint="scale the image down",
        )
    orientation = jpeg_orientation(data)
    height, width = min_size or (0, 0)
    if orientation.transpose:
        height, width = width, height
    image: RGB = simplejpeg.decode_jpeg(
        data, colorspace="RGB", min_height=height, min_width=width, min_factor=2 if min_size else 1
    )
    return oriented(image, orientation)


def has_more_pictures(path: Path) -> bool:
    """Whether a file holds more than the one picture that `read_image` reads, as animations and scans do.

    Raises:
        FrameError: the file cannot be read.

    """
    data = _read_bytes(path)
    if data[:2] == b"\xff\xd8":  # what cameras keep in a JPEG beside the picture is the same picture
        return False
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            image.seek(1)
    except Exception:  # the end, or damage behind the first picture, for which Pillow has errors of all kinds
        return False
    return True


def _read_bytes(path: Path) -> bytes:
    if packed := split_packed(path):
        return read_packed(*packed)
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > MOST_BYTES:
                raise FrameError(
                    "An image file is too large",
                    expected=f"at most {MOST_BYTES:,} bytes",
                    found=f"{size:,}",
                    where=path,
                    hint="scale the image down",
                )
            return file.read()
    except OSError as error:
        raise _unreadable(error.strerror or str(error), path) from error


def _read_by_pillow(data: bytes, path: Path) -> RGB:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return to_rgb(image)
    except UnidentifiedImageError as error:
        raise _unreadable("no image format that Pillow knows", path) from error
    except _BROKEN as error:
        raise _unreadable(first_line(error), path) from error


def _unreadable(found: str, path: Path) -> FrameError:
    return FrameError(
        "Cannot read a frame",
        expected="an image",
        found=found,
        where=path,
        hint="copy the file again, or remove it",
    )


_BROKEN = (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError)


def write_jpeg(path: Path, image: RGB, *, quality: int = 92) -> None:
    """Write one (H, W, 3) uint8 RGB image as JPEG, atomically."""
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=quality, colorspace="RGB")
    with atomic_write(path) as file:
        file.write(data)
