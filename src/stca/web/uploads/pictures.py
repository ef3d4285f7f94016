"""Decode a stranger's picture, and scale pictures down; in the child process."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from stca.errors import first_line
from stca.footage.images import RGB
from stca.footage.pixels import to_rgb
from stca.web.uploads.limits import UploadError, UploadLimits

Image.MAX_IMAGE_PIXELS = None  # `decode_picture` has a limit of its own, which is an error and no warning

_LEAST_SIDE = 8


def decode_picture(source: Path | bytes, kind: str, limits: UploadLimits) -> RGB:
    """(H, W, 3) uint8, upright as its EXIF orientation says, no side larger than allowed.

    Args:
        source: a file, or its content.
        kind: the only format it may have, by Pillow's name.
        limits: of pixels, and the largest side.

    Raises:
        UploadError: too many pixels by its header (413), damaged or tiny (422).

    """
    try:
        with Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, formats=(kind,)
        ) as image:
            check_pixels(image.size, limits.pixels, "picture")
            if min(image.size) < _LEAST_SIDE:
                raise UploadError(
                    "A picture is too small",
                    expected=f"at least {_LEAST_SIDE} pixels each way",
                    found=f"{image.width} x {image.height}",
                )
            if kind == "JPEG":  # decoded at a half, a quarter or an eighth, still above the largest side
                image.draft(None, (limits.largest_side, limits.largest_side))
            return scaled_down(to_rgb(image), limits.largest_side)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UploadError(
            "A picture is damaged", expected=f"a whole {kind}", found=first_line(error)[:200]
        ) from error


def check_pixels(size: tuple[int, int], most: int, what: str) -> None:
    """Raise UploadError (413) where width times height is more than `most`."""
    if size[0] * size[1] > most:
        raise UploadError(
            f"A {what} is too large",
            status=413,
            expected=f"at most {most:,} pixels",
            found=f"{size[0]:,} x {size[1]:,}",
            hint="scale it down",
        )


def scaled_down(image: RGB, largest: int) -> RGB:
    """The picture with no side larger than `largest`."""
    height, width = image.shape[:2]
    if max(height, width) <= largest:
        return image
    factor = largest / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
