"""Finding folders of crops, and choosing crops to show."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stca.errors import DatasetError
from stca.footage.images import IMAGE_SUFFIXES
from stca.tools.files import natural_key
from stca.tracks.records import TrackRecord, read_track


@dataclass(frozen=True, slots=True)
class FoundTracklet:
    """A folder of crops.

    Args:
        key: "camera folder/tracklet folder", the last two parts of its path.
        folder: its path.
        camera: the camera's name, from the record, or else the name of the parent folder.
        frames: paths of the usable crops, in order; at least one.
        record: the side file; None where there is none, and times are unknown.

    """

    key: str
    folder: Path
    camera: str
    frames: tuple[Path, ...]
    record: TrackRecord | None


def find_tracklets(root: Path) -> list[FoundTracklet]:
    """Every folder of crops at or below `root`, in natural order; names that begin with a dot are skipped.

    With a side file, the frames are those that the record marks as usable (a folder without any is skipped,
    with a warning); without a side file, they are all images of the folder.

    Raises:
        DatasetError: no such folder, no crops in it, a damaged side file, or two tracklets of the same key.

    """
    root = _folder(root)
    found, empty = [], []
    for folder, images in _image_folders(root):
        if (tracklet := _tracklet(folder, images)) is None:
            empty.append(folder)
        else:
            found.append(tracklet)
    if empty:
        warnings.warn(
            f"{len(empty)} tracklets without a usable crop are skipped: {empty[0]} ...", stacklevel=2
        )
    _demand_keys(found, root)
    return found


def read_tracklet(folder: Path) -> FoundTracklet:
    """The tracklet of one folder, whatever lies below it.

    Raises:
        DatasetError: no such folder, no images in it, none that may be used, or a damaged side file.

    """
    folder = _folder(folder)
    images, _ = list_folder(folder)
    tracklet = _tracklet(folder, images) if images else None
    if tracklet is None:
        raise DatasetError(
            "A tracklet has no usable crop", expected="one that is not hidden or too small", where=folder
        )
    return tracklet


def _folder(place: Path) -> Path:
    """Its absolute path; raises DatasetError where it is none."""
    if not place.is_dir():
        raise DatasetError("There is no such folder of tracks", where=place.absolute())
    return place.absolute()


def _tracklet(folder: Path, images: list[str]) -> FoundTracklet | None:
    """None where no image may be used."""
    record = read_track(folder)
    names = [frame.file for frame in record.frames if frame.use] if record else images
    if not names:
        return None
    key, camera = f"{folder.parent.name}/{folder.name}", record.camera if record else folder.parent.name
    return FoundTracklet(key, folder, camera, tuple(folder / name for name in names), record)


def overall_quality(quality: Mapping[str, float]) -> float:
    """Product of the quality scores of a crop."""
    return math.prod(quality.values())


def representative_crops(found: FoundTracklet, count: int) -> list[Path]:
    """Crops to show: the best crop of each of `count` equal parts of the usable ones.

    The best is the existing file with the highest `overall_quality` (a crop without scores counts as 0);
    among equals, the one nearest to the middle of its part.
    """
    records = found.record.frames if found.record else ()
    known = {frame.file: overall_quality(frame.quality) for frame in records if frame.quality}
    parts = min(count, len(found.frames))
    ends = [part * len(found.frames) // parts for part in range(parts + 1)]
    chosen = []
    for start, end in itertools.pairwise(ends):
        middle = (start + end - 1) / 2
        nearest = [found.frames[i] for i in sorted(range(start, end), key=lambda i: abs(i - middle))]
        best = sorted(nearest, key=lambda path: -known.get(path.name, 0.0))
        chosen.append(next((path for path in best if path.is_file()), best[0]))
    return chosen


def _demand_keys(found: list[FoundTracklet], root: Path) -> None:
    if not found:
        raise DatasetError(
            "No tracklets found", expected="folders with images in them", found="none", where=root
        )
    key, count = Counter(tracklet.key for tracklet in found).most_common(1)[0]
    if count > 1:
        folders = ", ".join(str(tracklet.folder) for tracklet in found if tracklet.key == key)
        raise DatasetError(
            "Two tracklets have the same key",
            expected="camera folder/tracklet folder to be unique",
            found=f"{key}: {folders}",
            where=root,
            hint="give one of the camera folders another name; whose camera it is stays in the side files",
        )


def _image_folders(folder: Path, above: frozenset[Path] = frozenset()) -> list[tuple[Path, list[str]]]:
    """Folders with images, and the images' names; links to a folder above are not followed."""
    real = folder.resolve()
    if real in above:
        return []
    images, folders = list_folder(folder)
    here = [(folder, images)] if images else []
    return here + [pair for below in folders for pair in _image_folders(below, above | {real})]


def list_folder(folder: Path) -> tuple[list[str], list[Path]]:
    """Names of the images in a folder, and the folders; both in natural order, without hidden ones."""
    entries = sorted(
        (e for e in folder.iterdir() if not e.name.startswith(".")), key=lambda e: natural_key(e.name)
    )
    images = [e.name for e in entries if e.suffix.lower() in IMAGE_SUFFIXES and _holds(e.is_file)]
    return images, [e for e in entries if _holds(e.is_dir)]


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link, say, that leads where nobody may look
        return False
