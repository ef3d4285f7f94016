"""Pictures of any pixel format as 8-bit RGB: wide and floating-point grey, transparency, CMYK, palettes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from stca.footage.orientation import EXIF_ORIENTATION, RGB, UPRIGHT, Orientation, oriented

if TYPE_CHECKING:
    from PIL import Image

ORIENTATION_TAG = 0x0112

_EXIF, _APP1, _START_OF_SCAN = b"Exif\0\0", 0xE1, 0xDA


def to_rgb(image: Image.Image) -> RGB:
    """Decode a Pillow image to (H, W, 3) uint8, upright as its EXIF orientation says.

    - 16-bit grey is divided by 257. Wider integers and floats are scaled by the first of the ranges
      0 to 1 (floats only), 255, 65,535 and 4,294,967,295 that holds the largest value.
    - What is transparent becomes black, as in crops that are multiplied with a mask.

    Raises:
        OSError, ValueError, SyntaxError: the data are damaged, as Pillow reports it.

    """
    image.load()  # EXIF may follow the pixels; Pillow turns a TIFF here by itself and drops its orientation
    if image.mode.startswith(("I", "F")):
        grey = _eight_bits(np.asarray(image), wide=image.mode.startswith("I;16"))
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
    elif image.has_transparency_data or image.mode in ("La", "RGBa"):
        pixels = _over_black(np.asarray(image.convert("RGBA")))
    else:
        pixels = np.asarray(image.convert("RGB"))
    return oriented(pixels, _orientation(image))


def jpeg_orientation(data: bytes) -> Orientation:
    """The orientation in a JPEG's EXIF block, without decoding the picture; upright where it has none."""
    from PIL import Image

    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _START_OF_SCAN:
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] == _APP1 and data[place + 4 : place + 10] == _EXIF:
            exif = Image.Exif()
            with contextlib.suppress(Exception):  # damaged EXIF comes as any of six exceptions
                exif.load(data[place + 4 : place + 2 + length])
                return _by_tag(exif)
            return UPRIGHT
        place += 2 + length
    return UPRIGHT


def _orientation(image: Image.Image) -> Orientation:
    with contextlib.suppress(Exception):  # as above; the picture itself is not damaged
        return _by_tag(image.getexif())
    return UPRIGHT


def _by_tag(exif: Image.Exif) -> Orientation:
    return EXIF_ORIENTATION.get(exif.get(ORIENTATION_TAG, 1), UPRIGHT)


def _eight_bits(values: np.ndarray, *, wide: bool) -> np.ndarray:
    """Grey values (H, W) as uint8; `wide` where the file says that they have 16 bits."""
    if wide:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    ranges = (1.0, 255.0, 65_535.0) if values.dtype.kind == "f" else (255.0, 65_535.0)
    largest = finite.max(initial=0.0)
    full = next((limit for limit in ranges if largest <= limit), max(largest, 4_294_967_295.0))
    return (finite.clip(0, full) * (255.0 / full)).round().astype(np.uint8)


def _over_black(rgba: np.ndarray) -> RGB:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    return ((rgba[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
