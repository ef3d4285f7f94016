"""One MOTChallenge sequence -> crops of its people, cut once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import uuid
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import simplejpeg

from stca.boxes import PEDESTRIAN, MotRow, crop, read_mot
from stca.datasets.layout import size_and_time
from stca.errors import ConfigError, DatasetError, FrameError
from stca.footage.images import RGB, read_image
from stca.footage.video import read_video
from stca.tools.files import cache_dir, write_text
from stca.tools.progress import progress

_FORMAT = 2  # raise it when the same options would give other crops
_INDEX = "index.json"
_QUALITY = 92


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How boxes become tracklets; see `stca.datasets.mot.load`.

    Raises:
        ConfigError: a value of the wrong type or out of its range.

    """

    tracklet_len: int
    gap: int
    min_height: int
    min_width: int
    min_visibility: float
    min_frames: int

    def __post_init__(self) -> None:
        lowest = {"gap": 0, "min_visibility": 0}
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.name == "min_visibility" else (int,)
            low = lowest.get(field.name, 1)
            if isinstance(value, bool) or not isinstance(value, kinds) or value < low:
                kind = " or ".join(k.__name__ for k in kinds)
                raise ConfigError(
                    f"mot: {field.name} is not usable", expected=f"{kind}, at least {low}", found=repr(value)
                )
        if self.min_frames > self.tracklet_len:
            found = f"min_frames {self.min_frames}, tracklet_len {self.tracklet_len}"
            raise ConfigError("mot: no tracklet would be long enough", found=found)


@dataclass(frozen=True, slots=True)
class VideoSequence:
    """Where one sequence lies: its tracks, and its frames as numbered images or as one video."""

    name: str
    tracks: Path
    images: tuple[Path, ...]
    video: Path | None


@dataclass(frozen=True, slots=True)
class Pieces:
    """The tracklets cut from one sequence: (track, its frames in order), and what was left out."""

    tracklets: tuple[tuple[int, tuple[Path, ...]], ...]
    notes: dict[str, int]


def cut_sequence(sequence: VideoSequence, options: CutOptions) -> Pieces:
    """Cut the crops of one sequence, or find them in the cache.

    They lie in `cache_dir()/mot/<fingerprint>`, which changes with the place, size and time of the
    sources and with the options. The folder gets its name only when it is whole, so neither a killed run
    nor two at once do harm.

    Raises:
        DatasetError: the tracks cannot be read.
        FrameError: the video cannot be opened. (Single images that cannot be read are left out, with a note.)

    """
    home = cache_dir() / "mot" / _fingerprint(sequence, options)
    if not (home / _INDEX).exists():
        _build(sequence, options, home)
    index = json.loads((home / _INDEX).read_text(encoding="utf-8"))
    tracklets = tuple(
        (track, tuple(home / _crop_name(track, frame) for frame in frames))
        for track, frames in index["tracklets"]
    )
    return Pieces(tracklets, index["notes"])


def plan_tracklets(frames: Sequence[int], options: CutOptions) -> tuple[list[list[int]], int]:
    """Divide one track's frame numbers, ascending, into tracklets.

    A tracklet is at most `tracklet_len` frames without a hole; between the last frame of one and the
    first of the next, at least `gap` frames are left out. Pieces shorter than `min_frames` are dropped.

    Returns:
        the tracklets, and how many pieces were dropped.

    """
    kept: list[list[int]] = []
    dropped, start = 0, 0
    while start < len(frames):
        if kept and frames[start] <= kept[-1][-1] + options.gap:
            start += 1
            continue
        stop, end = start + 1, min(start + options.tracklet_len, len(frames))
        while stop < end and frames[stop] == frames[stop - 1] + 1:
            stop += 1
        if stop - start >= options.min_frames:
            kept.append(list(frames[start:stop]))
        else:
            dropped += 1
        start = stop
    return kept, dropped


def _build(sequence: VideoSequence, options: CutOptions, home: Path) -> None:
    workshop = home.with_name(f".{home.name}.{uuid.uuid4().hex}")
    workshop.mkdir(parents=True)
    try:
        _cut_into(workshop, sequence, options)
        try:
            workshop.replace(home)
        except OSError:
            if not (home / _INDEX).exists():  # otherwise another process finished first, with the same result
                raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _cut_into(workshop: Path, sequence: VideoSequence, options: CutOptions) -> None:
    notes: Counter[str] = Counter()
    rows = _usable_rows(sequence, options, notes)
    cut = _write_crops(workshop, sequence, rows, options, notes)
    tracklets = []
    for track in sorted(cut):
        pieces, dropped = plan_tracklets(sorted(cut[track]), options)
        notes[f"pieces of tracks shorter than {options.min_frames} frames, dropped"] += dropped
        tracklets += [(track, piece) for piece in pieces]
        for frame in cut[track].difference(*pieces):
            (workshop / _crop_name(track, frame)).unlink()
    index = {"tracklets": tracklets, "notes": {what: count for what, count in notes.items() if count}}
    write_text(workshop / _INDEX, json.dumps(index))


def _usable_rows(
    sequence: VideoSequence, options: CutOptions, notes: Counter[str]
) -> dict[int, dict[int, MotRow]]:
    """Rows worth cutting, by frame and track."""
    file = read_mot(sequence.tracks)
    if file.broken:
        warnings.warn(
            f"{len(file.broken)} broken rows are left out, the first: {file.broken[0]}", stacklevel=2
        )
    notes["broken rows, dropped"] += len(file.broken)
    rows: dict[int, dict[int, MotRow]] = defaultdict(dict)
    for row in file.rows:
        if row.confidence == 0 or row.class_id != PEDESTRIAN:
            notes["boxes not of a pedestrian or not to be considered, dropped"] += 1
        elif row.visibility < options.min_visibility:
            notes[f"boxes less than {options.min_visibility:g} visible, dropped"] += 1
        elif row.track in rows[row.frame]:
            notes["second boxes of a track in one frame, dropped"] += 1
        else:
            rows[row.frame][row.track] = row
    return rows


def _write_crops(
    workshop: Path,
    sequence: VideoSequence,
    rows: dict[int, dict[int, MotRow]],
    options: CutOptions,
    notes: Counter[str],
) -> dict[int, set[int]]:
    """Write the crop of every row that is large enough; returns the frames written, by track."""
    written: dict[int, set[int]] = defaultdict(set)
    seen = 0
    for number, image in _frames(sequence, set(rows), notes):
        for row in rows[number].values():
            seen += 1
            part = crop(image, row)
            if part.shape[0] < options.min_height or part.shape[1] < options.min_width:
                notes[f"boxes below {options.min_height} x {options.min_width} pixels, dropped"] += 1
                continue
            path = workshop / _crop_name(row.track, number)
            path.parent.mkdir(exist_ok=True)
            # Not write_jpeg: the folder as a whole is what must appear at once, and a sync per crop is slow.
            path.write_bytes(simplejpeg.encode_jpeg(part.copy(), quality=_QUALITY, colorspace="RGB"))
            written[row.track].add(number)
    notes["boxes in missing or damaged frames, dropped"] += sum(map(len, rows.values())) - seen
    return written


def _frames(sequence: VideoSequence, wanted: set[int], notes: Counter[str]) -> Iterator[tuple[int, RGB]]:
    label = f"cutting {sequence.name}"
    if sequence.video is None:
        numbered = {_frame_number(path): path for path in sequence.images}
        numbers = progress(sorted(wanted & numbered.keys()), label=label)
        yield from _readable(((number, numbered[number]) for number in numbers), sequence.name, notes)
        return
    last = max(wanted, default=0)
    frames = _until_damaged(sequence.video, notes)
    for number, image in zip(progress(range(1, last + 1), label=label, total=last), frames, strict=False):
        if number in wanted:
            yield number, image


def _readable(
    numbered: Iterable[tuple[int, Path]], name: str, notes: Counter[str]
) -> Iterator[tuple[int, RGB]]:
    """The images that can be read; the others are counted, and one warning names the first."""
    damaged: list[FrameError] = []
    for number, path in numbered:
        try:
            image = read_image(path)
        except FrameError as error:
            damaged.append(error)
            continue
        yield number, image
    if damaged:
        notes["images that cannot be read, left out"] += len(damaged)
        warnings.warn(
            f"{name}: {len(damaged)} images cannot be read and are left out, the first: {damaged[0]}",
            stacklevel=2,
        )


def _until_damaged(video: Path, notes: Counter[str]) -> Iterator[RGB]:
    try:
        yield from read_video(video)
    except FrameError as error:
        notes["videos that break off"] += 1
        warnings.warn(f"frames up to the damage are used: {error}", stacklevel=2)


def _frame_number(path: Path) -> int:
    if found := re.search(r"[0-9]+$", path.stem):
        return int(found[0])
    raise DatasetError(
        "The name of a frame has no number at its end",
        expected="000001.jpg or frame_000001.jpg for frame 1",
        found=path.name,
        where=path,
        hint="rename the images, or move those that are no frames out of the folder",
    )


def _crop_name(track: int, frame: int) -> str:
    return f"{track:06d}/{frame:06d}.jpg"


def _fingerprint(sequence: VideoSequence, options: CutOptions) -> str:
    sources = [sequence.tracks, *([sequence.video] if sequence.video else sequence.images)]
    identity = [_FORMAT, asdict(options), [(str(path.absolute()), *size_and_time(path)) for path in sources]]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
