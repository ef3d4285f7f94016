"""Photos of one person as a query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stca.errors import ConfigError, GalleryError
from stca.footage.images import read_image
from stca.gallery.query.crops import (
    CHOOSE,
    Box,
    cut,
    find_people,
    format_box,
    has_crop_shape,
    person_box,
    write_crop,
)
from stca.tracking.detectors.detections import Detector


def photo_crops(
    photos: Sequence[Path], work: Path, *, box: Box | None, detector: Detector | None, whole: bool
) -> tuple[list[Path], list[str]]:
    """One crop of the person per photo.

    Args:
        photos: images that all show the same person.
        work: folder to write crops to.
        box: of the person, where there is one photo.
        detector: finds the person in each photo.
        whole: take all photos as crops, whatever they show.

    Returns:
        Files of the crops (a photo that is a crop is used where it is), and sentences that say what was used.

    Raises:
        FrameError: a photo cannot be read.
        GalleryError: a photo shows nobody or several people, or it is not shaped like a crop and there is
            neither a box nor a detector.
        ConfigError: a box outside the image, or one box for several photos.

    """
    if box is not None and len(photos) != 1:
        raise ConfigError("A box is for one photo", expected="one photo", found=f"{len(photos)} photos")
    crops, used_whole, notes = [], [], []
    for number, photo in enumerate(photos, start=1):
        image = read_image(photo)
        chosen = box
        if box is None and detector is not None and not whole:
            chosen = person_box(find_people(detector, image), image, where=photo)
            notes += (
                [] if chosen is None else [f"{photo.name}: the person at {format_box(chosen)} is the query"]
            )
        if chosen is not None:
            crops.append(write_crop(work, number, cut(image, chosen, where=photo)))
            continue
        if not whole and detector is None and not has_crop_shape(image):
            raise no_crop(photo, image.shape[1], image.shape[0])
        crops.append(photo)
        used_whole.append(photo)
    if used_whole and detector is None and not whole:
        notes.append(
            f"{_names(used_whole)}, as a crop of one person (in a scene, --box or --detector chooses one)"
        )
    return crops, notes


def no_crop(photo: Path, width: int, height: int) -> GalleryError:
    """The error for an image that may be a scene."""
    return GalleryError(
        "A query photo is not shaped like a crop of one person",
        expected="an image clearly higher than wide and of at most 2 megapixels, a box, or a detector",
        found=f"{width} x {height} pixels",
        where=photo,
        hint=f"{CHOOSE}; --detector FILE finds the person; --whole (whole=True) takes the image as a crop",
    )


def _names(photos: list[Path]) -> str:
    return f"{photos[0].name} is used whole" if len(photos) == 1 else f"{len(photos)} photos are used whole"
