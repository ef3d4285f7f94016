"""Turn photos, folders and videos into the crops of one person, to be embedded as a query."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stca.errors import ConfigError, GalleryError
from stca.footage.images import IMAGE_SUFFIXES, has_more_pictures, read_image
from stca.gallery.query.crops import Box, is_crop
from stca.gallery.query.photos import photo_crops
from stca.gallery.query.videos import video_crops
from stca.tracking import open_detector
from stca.tracks import FoundTracklet, read_tracklet
from stca.tracks.folders import list_folder

_SAMPLE = 16
"""Images of a folder whose shape is checked, at most."""
_LEVELS = 2
"""Below a query's folder: ROOT/camera/tracklet."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query to be embedded.

    Args:
        found: its crops; pass it to `stca.gallery.search_tracklet`.
        notes: sentences that say what of the photos or the video is used.

    """

    found: FoundTracklet
    notes: tuple[str, ...] = ()


def open_query(
    places: Sequence[Path],
    work: Path,
    *,
    box: Box | None = None,
    at: float | None = None,
    detector: str | None = None,
    whole: bool = False,
) -> Query:
    """The crops of the one person that a search is for.

    Args:
        places: a tracklet's folder; one or more photos, or a folder of photos, of one person; or a video.
        work: an existing folder for crops that are cut out; keep it until the search is done.
        box: left, top, width, height in pixels, of the person in the photo, or in the video at `at`.
        at: seconds from the video's beginning.
        detector: as `stca.tracking.open_detector`: finds the person where there is no box; None: the
            default detector, and what is shaped like a crop of one person is used whole.
        whole: take photos or frames as crops, whatever their shape.

    Raises:
        FrameError: a photo or video cannot be read.
        GalleryError: it is not clear who is meant: several people, nobody, or several tracklets.
        ConfigError: an option that does not fit, a box outside the image, a time outside the video.

    """
    if not places:
        raise ConfigError("A search needs a query", expected="a photo, a folder or a video")
    for place in places:
        if place.is_dir():
            continue
        size = _size(place)
        if size is None:  # a pipe would be waited for without an end
            raise GalleryError("There is no such query", expected="a photo, a folder or a video", where=place)
        if not size:  # as would some of /proc
            raise GalleryError(
                "A query is empty", expected="a photo or a video", found="0 bytes", where=place
            )
    first = places[0]
    if len(places) > 1 and not all(_is_photo(place) for place in places):
        other = next(place for place in places if not _is_photo(place))
        raise ConfigError("Several queries must be photos of one person", found=other, hint="one search each")
    if _is_photo(first) or first.is_dir():
        if at is not None:
            raise ConfigError("A time is for a video", found="--at", where=first)
        tracklet = _tracklet(first) if first.is_dir() else None
        if tracklet is not None and (tracklet.record is not None or (box is None and detector is None)):
            _refuse_options(tracklet, box=box, detector=detector)
            return Query(tracklet, _odd_shapes(tracklet, whole=whole or tracklet.record is not None))
        photos = list(tracklet.frames) if tracklet else list(places)
        opened = None if detector is None else open_detector(detector)
        crops, notes = photo_crops(photos, work, box=box, detector=opened, whole=whole)
    else:
        crops, notes = video_crops(first, work, box=box, at=at, detector=detector, whole=whole)
    folder = first if first.is_dir() else first.parent
    found = FoundTracklet(first.absolute().name, folder.absolute(), "query", tuple(crops), None)
    return Query(found, tuple(notes))


def _size(place: Path) -> int | None:
    """Of a regular file; None: there is none."""
    try:
        status = place.stat()
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_photo(place: Path) -> bool:
    return place.suffix.lower() in IMAGE_SUFFIXES and place.is_file()


def _refuse_options(tracklet: FoundTracklet, *, box: Box | None, detector: str | None) -> None:
    if box is not None or detector is not None:
        raise ConfigError(
            "A tracklet's folder holds crops already",
            expected="neither a box nor a detector",
            found="--box" if box is not None else "--detector",
            where=tracklet.folder,
        )


def _odd_shapes(tracklet: FoundTracklet, *, whole: bool) -> tuple[str, ...]:
    """A note where some images of a folder without a side file are not shaped like crops.

    Raises:
        GalleryError: most of them are not, and not `whole`.

    """
    if whole:
        return ()
    sample = tracklet.frames[:: -(-len(tracklet.frames) // _SAMPLE)]
    odd = [path for path in sample if not is_crop(read_image(path))]
    if 2 * len(odd) > len(sample):
        image = read_image(odd[0])
        raise GalleryError(
            "Most images of a query folder are no crops of one person",
            expected="upright images of at most 2 megapixels that a person fills, or a detector",
            found=f"{image.shape[1]} x {image.shape[0]} pixels",
            where=odd[0],
            hint="--detector person_mobile finds the person in each; --whole (whole=True): crops",
        )
    of = f"of {len(sample)} images looked at"
    notes = (
        [
            f"{len(odd)} {of} are no crops of one person, such as {odd[0].name}; all are used whole "
            "(--detector person_mobile finds the person in each)"
        ]
        if odd
        else []
    )
    if several := sum(map(has_more_pictures, sample)):
        notes.append(f"{several} {of} hold several pictures, of which the first is used")
    return tuple(notes)


def _tracklet(folder: Path) -> FoundTracklet:
    """The one tracklet, or the folder of photos, that is there or a little below.

    Raises:
        GalleryError: none, or several.

    """
    places = list(itertools.islice(_with_images(folder, levels=_LEVELS), 2))
    if len(places) != 1:
        raise GalleryError(
            "A query is one tracklet, or photos of one person",
            expected="one folder of images",
            found="several folders of images" if places else "no images",
            where=folder,
            hint=f"for example {places[-1]}" if places else None,
        )
    return read_tracklet(places[0])


def _with_images(folder: Path, *, levels: int) -> Iterator[Path]:
    """The folder, and those so many levels below it, that hold images; what cannot be read is passed over."""
    try:
        images, folders = list_folder(folder)
    except OSError:
        return
    if images:
        yield folder
    for below in folders if levels else ():
        yield from _with_images(below, levels=levels - 1)
