"""Your own videos, cut into frames: person/camera/tracklet/frames, names as you like."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stca.datasets.layout import block, describe, list_folder, natural_key, only_split, require
from stca.errors import DatasetError
from stca.tools.progress import progress
from stca.tracklets import Splits, Tracklet

LAYOUT = """\
ROOT/
  anna/                 a person
    front door/         a camera
      monday 1/         a tracklet
        0001.jpg ...    its frames, in time order
or the same below ROOT/train, ROOT/query and ROOT/gallery, or below ROOT/train and ROOT/test"""

_DEPTH = 4  # person, camera, tracklet, frame


@dataclass(frozen=True, slots=True)
class _Found:
    part: str
    person: str
    camera: str
    tracklet: str
    frames: tuple[Path, ...]

    @property
    def key(self) -> str:
        return "/".join(filter(None, (self.part, self.person, self.camera, self.tracklet)))


def load(root: Path, *, split: int = 0) -> Splits:
    """Tracklets in folders.

    Persons are numbered from 1 and cameras from 1 in the natural order of their names, over all parts
    together. With `train`, `query` and `gallery` below the root these are the parts; with `train` and
    `test` every test tracklet asks and answers; with none of them every tracklet is in all three parts.
    The protocol is `cross-camera`, or `same-track` (only the query itself is left out) where all
    tracklets that answer come from one camera.

    Args:
        root: see `LAYOUT`.
        split: 0, there is one.

    Raises:
        DatasetError: no tracklet is found where the layout has them.
        ConfigError: another split.

    """
    only_split("folder", split)
    require(root, (), name="folder", layout=LAYOUT)
    notes: Counter[str] = Counter()
    parts = _parts(root)
    found = {part: _find(root / part, part, notes) for part in sorted(set(parts))}
    if not any(found.values()):
        raise _nothing(root)
    notes.update(_lonely(found))
    everything = [item for items in found.values() for item in items]
    persons = _numbers({item.person for item in everything})
    cameras = _numbers({item.camera for item in everything})
    train, query, gallery = (
        tuple(Tracklet(i.frames, persons[i.person], cameras[i.camera], i.key) for i in found[part])
        for part in parts
    )
    one_camera = len({t.camera_id for t in query + gallery}) == 1
    protocol = "same-track" if one_camera and query == gallery else "cross-camera"
    return Splits("folder", train, query, gallery, (protocol,), {k: v for k, v in notes.items() if v})


def _parts(root: Path) -> tuple[str, str, str]:
    folders = set(list_folder(root).folders)
    if {"train", "query", "gallery"} <= folders:
        return "train", "query", "gallery"
    if {"train", "test"} <= folders:
        return "train", "test", "test"
    return "", "", ""


def _find(top: Path, part: str, notes: Counter[str]) -> list[_Found]:
    found = []
    for person in progress(_folders(top, notes), label=f"reading {top.name}"):
        for camera in _folders(top / person, notes):
            for tracklet in _folders(top / person / camera, notes):
                place = top / person / camera / tracklet
                listing = list_folder(place)
                notes["files that are no images, ignored"] += listing.strays
                if listing.images:
                    frames = tuple(place / name for name in listing.images)
                    found.append(_Found(part, person, camera, tracklet, frames))
                else:
                    notes["tracklet folders without images, skipped"] += 1
    return found


def _folders(place: Path, notes: Counter[str]) -> tuple[str, ...]:
    listing = list_folder(place)
    notes["files that are no images, ignored"] += listing.strays
    notes["images outside of a tracklet folder, ignored"] += len(listing.images)
    return listing.folders


def _lonely(found: dict[str, list[_Found]]) -> dict[str, int]:
    tracklets = Counter(item.person for items in found.values() for item in items)
    return {"persons with one tracklet": sum(count == 1 for count in tracklets.values())}


def _numbers(names: set[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(names, key=natural_key), start=1)}


def _nothing(root: Path) -> DatasetError:
    depth = _image_depth(root)
    hint = "check the path"
    if any(root.glob("video.json")) or any(root.glob("*/video.json")):
        hint = (
            "these are tracks by `stca track`, without identities: `stca gallery add` adds them to a gallery"
        )
    elif depth and depth < _DEPTH:
        up = root.absolute().parents[_DEPTH - depth - 1]
        hint = (
            f"images lie {depth} levels below this root, not {_DEPTH}: give {up} if that is the folder of "
            "all persons, or add the levels that are missing (one camera is one folder)"
        )
    elif depth:
        hint = f"images lie {depth} levels below this root, not {_DEPTH}: give a folder further down"
    return DatasetError(
        "folder: no tracklet found", expected=block(LAYOUT), found=describe(root), where=root, hint=hint
    )


def _image_depth(root: Path, *, limit: int = 8) -> int | None:
    """How many levels below `root` the first image lies, following first folders only where they lead on."""
    listing = list_folder(root)
    if listing.images:
        return 1
    for child in listing.folders[:20] if limit > 1 else ():
        if depth := _image_depth(root / child, limit=limit - 1):
            return depth + 1
    return None
