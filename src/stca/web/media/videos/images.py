"""Any frame of a folder of images by its number."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from stca.errors import FrameError
from stca.footage.frames import scaled
from stca.footage.images import RGB, read_image
from stca.footage.sources import folder_images
from stca.web.problems import WebError, not_found


class ImageFrames:
    """The frames of a folder of images: image k is frame k, in the size of the first.

    Args:
        path: the folder.
        frame_rate: frames a second.

    """

    def __init__(self, path: Path, *, frame_rate: float) -> None:
        self._images, self._rate = folder_images(path), frame_rate

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the first image that can be read."""
        for path in self._images:
            try:
                height, width = read_image(path).shape[:2]
            except FrameError:
                continue
            return width, height
        raise not_found("No image of this folder can be read")

    def path(self, number: int) -> Path:
        """The file of a frame; a WebError of status 404 if there is none."""
        if not 1 <= number <= len(self._images):
            raise no_frame(number, len(self._images))
        return self._images[number - 1]

    def photo(self, number: int) -> Path:
        """The file of a frame; a WebError where it has another size than the frames, so that no box fits."""
        path = self.path(number)
        size = read_image(path).shape[1::-1]
        if size != self.size:
            raise WebError(
                "This image has another size than the first one", status=422, expected=self.size, found=size
            )
        return path

    def image(self, number: int) -> RGB:
        """Frame `number`; a WebError of status 404 if there is none, or it cannot be read."""
        path = self.path(number)
        try:
            image = read_image(path)
        except FrameError as error:
            raise not_found("This frame cannot be read", found=error.found) from error
        return image if image.shape[1::-1] == self.size else scaled(image, self.size)

    def seconds(self, number: int) -> float:
        """By the frame rate."""
        self.path(number)
        return (number - 1) / self._rate

    def close(self) -> None:
        """There is nothing to close."""


def no_frame(number: int, count: int | None) -> WebError:
    """A frame that a source of `count` frames (None: unknown) does not have."""
    expected = None if count is None else f"1 to {count}"
    return not_found("There is no such frame", expected=expected, found=number)
