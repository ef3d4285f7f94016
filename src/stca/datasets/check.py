"""Is a data set complete? What was found, beside what was published."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stca.datasets import DATASETS, load_dataset
from stca.datasets.counts import PUBLISHED, Counts, PartCounts, count
from stca.datasets.layout import block, list_folder, size_and_time
from stca.errors import DatasetError, FrameError, RankingError
from stca.footage.images import read_image
from stca.footage.packs import split_packed
from stca.tools.files import cache_dir, write_text
from stca.tools.lookup import find
from stca.tools.progress import progress
from stca.tracklets import Splits

_FORMAT = 1  # raise it when the same data would give another report
_NAMED = 10  # problems listed one by one, per kind


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check_dataset` found.

    Args:
        source: the data set's name.
        root: where it lies.
        found: its numbers; empty where it could not be loaded.
        published: the numbers to compare with; empty where there are none.
        problems: what is missing or damaged, the first of each kind by name.
        layout: the layout expected.
        decoded: number of frames that were decoded, 0 without `decode`.

    """

    source: str
    root: str
    found: Counts
    published: Counts
    problems: tuple[str, ...]
    layout: str
    decoded: int = 0

    @property
    def differences(self) -> tuple[str, ...]:
        """Every number that is not the published one; nothing where there are no numbers."""
        if not self.found.parts:
            return ()
        ours, theirs = self.found.flat(), self.published.flat()
        return tuple(
            f"{name}: {ours.get(name, 0)} instead of {number}"
            for name, number in theirs.items()
            if ours.get(name, 0) != number
        )

    @property
    def complete(self) -> bool:
        """Nothing is missing or damaged, and no number differs from the published one."""
        return not self.problems and not self.differences

    def table(self) -> str:
        """All of it as text."""
        return "\n".join(
            [
                f"{self.source} at {self.root}",
                *_part_lines(self.found, self.published),
                *_note_lines(self.found, self.published),
                *([f"  {self.decoded} frames decoded"] if self.decoded else []),
                "",
                *(f"DIFFERS   {difference}" for difference in self.differences),
                *(f"PROBLEM   {problem}" for problem in self.problems),
                "complete" if self.complete else "NOT as it should be",
                "",
                "layout expected:",
                self.layout,
            ]
        )


def check_dataset(
    source: str, root: str | Path, *, split: int = 0, decode: bool = False, **options: object
) -> CheckReport:
    """Load a data set, count it, and look for every frame.

    A clean report is kept in the cache and given again while no folder with frames and no file near the
    root has changed. (With `decode`, with options, with `mot` and with loaders of your own it always looks
    afresh.)

    Args:
        source: as for `load_dataset`.
        root: as for `load_dataset`, one folder.
        split: as for `load_dataset`.
        decode: read every frame too, which takes as long as it takes.
        options: the loader's own.

    Raises:
        ConfigError: no such source, split or option. (Trouble with the data is reported, not raised.)

    """
    root = Path(root).expanduser().absolute()
    identity = json.dumps([_FORMAT, source, str(root), split, options], default=str, sort_keys=True)
    memory = cache_dir() / "check" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.json"
    if not decode and (report := _recall(memory)):
        return report
    layout = getattr(sys.modules[find(DATASETS, source, kind="data set").__module__], "LAYOUT", "")
    published = PUBLISHED.get(source, Counts())
    try:
        splits = load_dataset(source, root, split=split, **options)
        found = count(splits)
    except (DatasetError, FrameError, RankingError) as error:
        problem = str(error).replace(block(layout), "the layout below")
        return CheckReport(source, str(root), Counts(), published, (problem,), layout)
    folders = _frames_by_folder(splits)
    problems = list(_missing(folders))
    decoded = 0
    if decode:
        decoded = sum(map(len, folders.values()))
        problems += _damaged(folders)
    report = CheckReport(source, str(root), found, published, tuple(problems), layout, decoded)
    if not (problems or options or decode) and source in DATASETS and source not in ("mot", "packed"):
        _remember(memory, report, _watched(root, folders))
    return report


def _frames_by_folder(splits: Splits) -> dict[str, set[str]]:
    folders: dict[str, set[str]] = defaultdict(set)
    for tracklet in splits.train + splits.query + splits.gallery:
        for frame in tracklet.frames:
            folder, name = os.path.split(frame)
            folders[folder].add(name)
    return folders


def _missing(folders: Mapping[str, set[str]]) -> Iterator[str]:
    missing = listed = folders_hit = 0
    for folder, names in progress(folders.items(), label="looking for frames", total=len(folders)):
        try:
            there = set(os.listdir(folder))  # noqa: PTH208 (names are all we want of a million files)
        except OSError:
            there = names if split_packed(Path(folder)) else set()  # a pack was written whole
        gone = sorted(names - there)
        if gone and listed < _NAMED:
            listed += 1
            yield f"missing in {folder}: {len(gone)} of {len(names)} frames, the first is {gone[0]}"
        missing += len(gone)
        folders_hit += bool(gone)
    if folders_hit > listed:
        yield f"missing in all: {missing} frames, in {folders_hit} folders"


def _damaged(folders: Mapping[str, set[str]]) -> Iterator[str]:
    damaged = 0
    frames = [Path(folder, name) for folder, names in folders.items() for name in sorted(names)]
    for frame in progress(frames, label="decoding"):
        try:
            read_image(frame)
        except FrameError as error:
            if frame.exists():
                damaged += 1
                if damaged <= _NAMED:
                    yield f"damaged frame {frame}: {error.found}"
    if damaged > _NAMED:
        yield f"{damaged} frames are damaged in all"


def _watched(root: Path, folders: Mapping[str, set[str]]) -> dict[str, tuple[int, int]]:
    """Size and time of what changes with the data set: folders on the way to frames, files near the root."""
    places = {root}
    for folder in map(Path, folders):
        places.update(place for place in (folder, *folder.parents) if place.is_relative_to(root))
    near = [root, *(root / name for name in list_folder(root).folders)]
    for place in near:
        places.update(path for path in place.iterdir() if path.is_file())
    return {str(place): size_and_time(place) for place in sorted(places)}


def _remember(memory: Path, report: CheckReport, watched: dict[str, tuple[int, int]]) -> None:
    write_text(memory, json.dumps({"watched": watched, "report": asdict(report)}))


def _recall(memory: Path) -> CheckReport | None:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        changed = any(size_and_time(path) != tuple(then) for path, then in known["watched"].items())
        return None if changed else _report(known["report"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never checked, gone, or not what this version writes


def _report(content: dict[str, Any]) -> CheckReport:
    """A report from its JSON: the inverse of `asdict`, with lists as tuples."""
    counts = {}
    for name in ("found", "published"):
        parts = {
            part: PartCounts(**numbers | {"lengths": numbers["lengths"] and tuple(numbers["lengths"])})
            for part, numbers in content[name]["parts"].items()
        }
        counts[name] = Counts(**content[name] | {"parts": parts})
    return CheckReport(**content | counts | {"problems": tuple(content["problems"])})


def _part_lines(found: Counts, published: Counts) -> Iterator[str]:
    yield f"  {'':<20}{'persons':>9}{'tracklets':>11}{'frames':>10}{'cameras':>9}  shortest / mean / longest"
    for part in ("train", "query", "gallery"):
        for label, counts in ((part, found), (f"{part} (published)", published)):
            if row := counts.parts.get(part):
                cells = (row.persons, row.tracklets, row.frames, row.cameras)
                shown = ["-" if cell is None else str(cell) for cell in cells]
                lengths = "{} / {:.1f} / {}".format(*row.lengths) if row.lengths else ""
                line = f"  {label:<20}{shown[0]:>9}{shown[1]:>11}{shown[2]:>10}{shown[3]:>9}  {lengths}"
                yield line.rstrip()


def _note_lines(found: Counts, published: Counts) -> Iterator[str]:
    """Junk, distractors, queries without an answer: each beside the published number, where there is one."""
    unknown = 0 if found.parts else "-"
    for ours, theirs, text in (
        (found.notes, published.notes, "{}"),
        (found.unanswered, published.unanswered, "queries without an answer ({})"),
    ):
        for what in {**ours, **theirs}:
            beside = f", published: {theirs[what]}" if what in theirs else ""
            yield f"  {ours.get(what, unknown)} {text.format(what)}{beside}"
