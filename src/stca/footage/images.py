"""Reading and writing single images. JPEG goes through libjpeg-turbo, the rest through Pillow."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import simplejpeg
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from stca.errors import FrameError, first_line
from stca.footage.packs import read_packed, split_packed
from stca.tools.files import atomic_write

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB values between 0 and 1; clips are normalised by them."""

RGB = UInt8[np.ndarray, "H W 3"]

MOST_PIXELS = 178_956_970
"""Of one image, as Pillow's own limit: a file of a few bytes may claim to have billions."""


def read_image(path: Path, *, min_size: tuple[int, int] | None = None) -> RGB:
    """Decode one image to (H, W, 3) uint8, RGB.

    Args:
        path: a JPEG, or anything Pillow reads.
        min_size: (height, width) that is enough. A large JPEG is then decoded at a half, a quarter or an
            eighth of its size, as far as both sides stay at least that large, which is much faster.

    Raises:
        FrameError: the file is missing, empty, truncated or no image, or has more than `MOST_PIXELS`.

    """
    data = _read_bytes(path)
    if not data:
        raise FrameError("Cannot read a frame", expected="an image", found="an empty file", where=path)
    if data[:2] == b"\xff\xd8":
        height, width = min_size or (0, 0)
        # CMYK, harmless stray bytes, real damage: whatever libjpeg-turbo is not happy with, Pillow decides.
        with contextlib.suppress(ValueError, MemoryError):
            rows, columns = simplejpeg.decode_jpeg_header(data)[:2]
            if rows * columns > MOST_PIXELS:
                raise FrameError(
                    "A frame is too large",
                    expected=f"at most {MOST_PIXELS:,} pixels",
                    found=f"{columns:,} x {rows:,}",
                    where=path,
                )
            image: RGB = simplejpeg.decode_jpeg(
                data, colorspace="RGB", min_height=height, min_width=width, min_factor=2 if min_size else 1
            )
            return image
    return _read_by_pillow(data, path)


def _read_bytes(path: Path) -> bytes:
    if packed := split_packed(path):
        return read_packed(*packed)
    try:
        return path.read_bytes()
    except OSError as error:
        raise FrameError("Cannot read a frame", found=error.strerror, where=path) from error


def _read_by_pillow(data: bytes, path: Path) -> RGB:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    except _BROKEN as error:
        raise FrameError(
            "Cannot read a frame", expected="an image", found=first_line(error), where=path
        ) from error


_BROKEN = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    MemoryError,
    Image.DecompressionBombError,
)


def write_jpeg(path: Path, image: RGB, *, quality: int = 92) -> None:
    """Write one (H, W, 3) uint8 RGB image as JPEG, atomically."""
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=quality, colorspace="RGB")
    with atomic_write(path) as file:
        file.write(data)
