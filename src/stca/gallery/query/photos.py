"""Photos of one person as a query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stca.errors import ConfigError, GalleryError, StcaError
from stca.footage.images import RGB, has_more_pictures, read_image
from stca.gallery.query.crops import (
    CHOOSE,
    Box,
    cut,
    find_people,
    format_box,
    has_crop_shape,
    is_filled,
    look_for_people,
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
        detector: finds the person in each photo; None: the default one does, and a photo of a crop's shape in
            which it finds nobody is taken whole.
        whole: take all photos as crops, whatever they show.

    Returns:
        Files of the crops (a photo that is a crop is used where it is), and sentences that say what was used.

    Raises:
        FrameError: a photo cannot be read.
        GalleryError: a photo shows nobody or several people.
        ConfigError: a box outside the image, or one box for several photos.

    """
    if box is not None and len(photos) != 1:
        raise ConfigError("A box is for one photo", expected="one photo", found=f"{len(photos)} photos")
    crops, used_whole, notes = [], [], []
    for number, photo in enumerate(photos, start=1):
        image = read_image(photo)
        if has_more_pictures(photo):
            notes.append(f"{photo.name} holds several pictures, of which the first is used")
        chosen = box
        if box is None and not whole:
            chosen = _chosen(detector, image, where=photo)
            notes += (
                [] if chosen is None else [f"{photo.name}: the person at {format_box(chosen)} is the query"]
            )
        if chosen is not None:
            crops.append(write_crop(work, number, cut(image, chosen, where=photo)))
            continue
        crops.append(photo)
        used_whole.append(photo)
    if used_whole and detector is None and not whole:
        notes.append(f"{_names(used_whole)}, as a crop of one person (in a scene, a box chooses one)")
    return crops, notes


def _chosen(detector: Detector | None, image: RGB, *, where: Path) -> Box | None:
    """The person who is meant; None: the whole image, which is a crop."""
    if detector is not None:
        return person_box(find_people(detector, image), image, where=where)
    people = look_for_people(image)
    if has_crop_shape(image) and is_filled(people, image):
        return None
    if isinstance(people, StcaError):
        raise _no_crop(image, people, where=where) from people
    return person_box(people, image, where=where)


def _no_crop(image: RGB, error: StcaError, *, where: Path) -> GalleryError:
    return GalleryError(
        "A query photo is not shaped like a crop of one person, and no detector can look for people in it",
        expected="an image clearly higher than wide and of at most 2 megapixels, or a box",
        found=f"{image.shape[1]} x {image.shape[0]} pixels; {error.what}",
        where=where,
        hint=f"{CHOOSE}; --whole (whole=True) takes the image as a crop",
    )


def _names(photos: list[Path]) -> str:
    return f"{photos[0].name} is used whole" if len(photos) == 1 else f"{len(photos)} photos are used whole"
