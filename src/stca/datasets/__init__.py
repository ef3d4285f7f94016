"""Data sets on disk -> `Splits`. One file per layout; each has `load(root, *, split=0, ...)` and `LAYOUT`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stca.datasets import duke_video, folder, ilids_vid, mars, mot, packed, prid2011, walkers
from stca.errors import ConfigError
from stca.tools.lookup import check_options, find
from stca.tracklets import Splits, Tracklet

__all__ = ["DATASETS", "load_dataset", "merge_splits"]

Loader = Callable[..., Splits]


DATASETS: Mapping[str, Loader] = {
    "duke_video": duke_video.load,
    "folder": folder.load,
    "ilids_vid": ilids_vid.load,
    "mars": mars.load,
    "mot": mot.load,
    "packed": packed.load,
    "prid2011": prid2011.load,
    "walkers": walkers.load,
}


def load_dataset(
    source: str, root: str | Path | Sequence[str | Path], *, split: int = 0, **options: object
) -> Splits:
    """Load a data set.

    Args:
        source: a key of `DATASETS`, or "package.module:function" for a loader of your own.
        root: where it lies; several roots are loaded one by one and merged (see `merge_splits`).
        split: which of the data set's splits, from 0.
        options: the loader's own options, see its docstring.

    Raises:
        ConfigError: no such source, option or split.
        DatasetError: what lies there is not what the loader expects.

    """
    load: Loader = find(DATASETS, source, kind="data set")
    check_options(load, options, kind=source)
    roots = [root] if isinstance(root, str | Path) else list(root)
    if not roots:
        raise ConfigError(f"{source}: no root", expected="one folder or several", found="none")
    folders = [Path(one).expanduser().absolute() for one in roots]
    return merge_splits([load(one, split=split, **options) for one in folders])


def merge_splits(parts: Sequence[Splits]) -> Splits:
    """Several data sets as one.

    Person ids above 0, camera ids and keys are made disjoint (the first part keeps its ids, keys get
    the part's number in front); distractors and junk stay what they are; notes are summed. One part
    is returned as it is.
    """
    if len(parts) == 1:
        return parts[0]
    train: list[Tracklet] = []
    query: list[Tracklet] = []
    gallery: list[Tracklet] = []
    notes: dict[str, int] = {}
    persons = cameras = 0
    for number, part in enumerate(parts):
        for merged, tracklets in ((train, part.train), (query, part.query), (gallery, part.gallery)):
            merged += [_shift(t, number, persons, cameras) for t in tracklets]
        for what, count in part.notes.items():
            notes[what] = notes.get(what, 0) + count
        everyone = part.train + part.query + part.gallery
        persons += max([0, *(t.person_id for t in everyone)])
        cameras += max([0, *(t.camera_id for t in everyone)]) + 1
    names = "+".join(dict.fromkeys(part.name for part in parts))
    protocols = tuple(dict.fromkeys(protocol for part in parts for protocol in part.protocols))
    return Splits(names, tuple(train), tuple(query), tuple(gallery), protocols, notes)


def _shift(tracklet: Tracklet, number: int, persons: int, cameras: int) -> Tracklet:
    person = tracklet.person_id + persons if tracklet.person_id > 0 else tracklet.person_id
    key = f"{number}:{tracklet.key}"
    return replace(tracklet, person_id=person, camera_id=tracklet.camera_id + cameras, key=key)
