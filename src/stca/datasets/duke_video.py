"""DukeMTMC-VideoReID (Wu et al., CVPR 2018): 8 cameras, 702 + 702 persons, 408 distractors.

The authors of DukeMTMC withdrew it in 2019. This loader reads copies that exist; nothing here fetches one.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from stca.datasets.layout import block, list_folder, only_split, require
from stca.errors import DatasetError
from stca.tools.progress import progress
from stca.tracklets import Splits, Tracklet

LAYOUT = """\
ROOT/
  train/0001/0003/0001_C6_F0099_X30823.jpg ...   person/tracklet/frames, or 0001C6F0099X30823.jpg
  query/...                                      C: camera, F: frame of the tracklet, X: frame of the video
  gallery/...                                    702 persons and 408 distractors, who keep their numbers"""

_PARTS = ("train", "query", "gallery")
_NAME = re.compile(r"[0-9]+_?C([0-9]+)_?F[0-9]+_?[A-Z][0-9]+\.", re.IGNORECASE)


def load(root: Path, *, split: int = 0) -> Splits:
    """DukeMTMC-VideoReID as published, protocol `duke`.

    The distractors are persons whom no query asks for; they keep the numbers of their folders.

    Args:
        root: the folder with `train`, `query` and `gallery`.
        split: 0, there is one.

    Raises:
        DatasetError: a part is missing, a folder is no number, a name says no camera, or one tracklet
            has frames of two cameras.
        ConfigError: another split.

    """
    only_split("duke_video", split)
    require(root, _PARTS, name="duke_video", layout=LAYOUT)
    notes: Counter[str] = Counter()
    train, query, gallery = (_read_part(root / part, notes) for part in _PARTS)
    queried = {t.person_id for t in query}
    notes["distractors in the gallery"] = len({t.person_id for t in gallery} - queried)
    counts = {what: count for what, count in notes.items() if count}
    return Splits("duke_video", train, query, gallery, ("duke",), counts)


def _read_part(part: Path, notes: Counter[str]) -> tuple[Tracklet, ...]:
    tracklets = []
    for person in progress(list_folder(part).folders, label=f"reading {part.name}"):
        if not person.isdecimal():
            raise DatasetError(
                "duke_video: a person's folder is no number", expected="0001", found=person, where=part
            )
        for tracklet in list_folder(part / person).folders:
            place = part / person / tracklet
            listing = list_folder(place)
            notes["files that are no images, ignored"] += listing.strays
            if not listing.images:
                notes["tracklet folders without images, skipped"] += 1
                continue
            frames = tuple(place / name for name in listing.images)
            camera = _camera(listing.images, place)
            tracklets.append(Tracklet(frames, int(person), camera, f"{part.name}/{person}/{tracklet}"))
    if not tracklets:
        raise DatasetError(
            "duke_video: a part has no tracklet", expected=block(LAYOUT), found="none", where=part
        )
    return tuple(tracklets)


def _camera(names: tuple[str, ...], place: Path) -> int:
    cameras = set()
    for name in names:
        parsed = _NAME.match(name)
        if parsed is None:
            raise DatasetError(
                "duke_video: the name of a frame says no camera",
                expected="0001_C6_F0099_X30823.jpg or 0001C6F0099X30823.jpg",
                found=name,
                where=place,
            )
        cameras.add(int(parsed[1]))
    if len(cameras) > 1:
        raise DatasetError(
            "duke_video: a tracklet is from two cameras", expected="one", found=sorted(cameras), where=place
        )
    return cameras.pop()
