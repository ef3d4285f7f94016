"""Reading track files as trackers and data sets write them: separators, encodings, headers, frames from 0."""

from __future__ import annotations

import codecs
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stca.boxes.layouts import Layout, from_header, recognise
from stca.boxes.rows import MotRow
from stca.boxes.video_file import read_video_file
from stca.errors import DatasetError

_LAST_FRAME, _TRACKS = 10**9, 2**63  # a year of a camera's recording, and 64 bits
_LEAST_COLUMNS = 6
_RARE = 0.05  # rows with a column count that fewer than this fraction has are damaged
_COMMENTS = ("#", "%", "//")


@dataclass(frozen=True, slots=True)
class MotFile:
    """What a track file holds.

    Args:
        rows: those that could be read, in the file's order.
        broken: one `path:line: reason` for every other row.
        layout: what the columns were taken for, in words.
        first_frame: what the file calls the first frame, 0 or 1; `rows` count from 1.
        frames_known: whether `first_frame` follows from the file (a row of frame 0 or 1, or a format that
            defines it); otherwise it is MOTChallenge's 1.

    """

    rows: tuple[MotRow, ...]
    broken: tuple[str, ...]
    layout: str = ""
    first_frame: int = 1
    frames_known: bool = True


def read_mot(path: Path, *, first_frame: int | None = None) -> MotFile:
    """Read the rows of a track file: MOTChallenge's layouts and others, see `docs/formats.md`.

    Columns may be separated by commas, semicolons, tabs or spaces; empty lines and comments (#, %, //) are
    skipped; a header line that names its columns decides what they are. The text may be UTF-8 or UTF-16.
    Frames of a file that has a frame 0 are counted from 0 and are renumbered from 1.

    Args:
        path: the file.
        first_frame: 0 or 1, the number of the file's first frame; default: told from the file.

    Raises:
        DatasetError: the file cannot be read, or none of its rows can.

    """
    try:
        lines = _text(path.read_bytes()).splitlines()
    except OSError as error:
        raise DatasetError("Cannot read tracks", found=error.strerror, where=path) from error
    table, header = _table(lines)
    layouts, main = _layouts(table, header)
    raw: list[tuple[int, MotRow]] = []
    broken = []
    for number, columns in table:
        try:
            row = _parse(columns, layouts)
            if row is not None:
                raw.append((number, row))
        except ValueError as error:
            broken.append(f"{path}:{number}: {error}")
    first, known = _first_frame(path, [row for _, row in raw], main, first_frame)
    rows = []
    for number, row in raw:
        if row.frame < first:
            broken.append(f"{path}:{number}: frame {row.frame}, but frames are counted from {first}")
        else:
            rows.append(replace(row, frame=row.frame + 1 - first) if first != 1 else row)
    if not rows:
        raise DatasetError(
            "No row of a tracks file can be read",
            expected="frame,track,left,top,width,height and more, one box a line (docs/formats.md)",
            found=broken[0] if broken else "an empty file",
            where=path,
        )
    return MotFile(tuple(rows), tuple(broken), main.name if main else "", first, known)


def _text(data: bytes) -> str:
    """UTF-8 or UTF-16, with or without a byte order mark; what is neither becomes replacement characters."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    start = data[:200]
    if len(start) >= 4 and start[1::2].count(0) > 0.8 * len(start[1::2]):
        return data.decode("utf-16-le", errors="replace")
    if len(start) >= 4 and start[::2].count(0) > 0.8 * len(start[::2]):
        return data.decode("utf-16-be", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _table(lines: Sequence[str]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """(line number from 1, columns) of every row, and the names of a header line."""
    table: list[tuple[int, list[str]]] = []
    header: list[str] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        comment = text.startswith(_COMMENTS)
        if not text or comment or (not table and _is_header(text)):
            if not table and (names := _split(text.lstrip("#%/ "))) and len(names) >= _LEAST_COLUMNS:
                header = names
            continue
        table.append((number, _split(text)))
    return table, header


def _is_header(text: str) -> bool:
    """Whether a first line consists of names: no column before the box is a number."""
    columns = _split(text)
    return len(columns) >= _LEAST_COLUMNS and all(re.match(r"[^\W\d_]", column) for column in columns[:6])


def _split(text: str) -> list[str]:
    if ";" in text:  # where commas may be decimal ones
        columns = text.replace(",", ".").split(";")
    elif "," in text:
        columns = text.split(",")
    else:
        columns = text.split("\t") if "\t" in text else text.split()
    columns = [column.strip().strip("\"'") for column in columns]
    while columns and not columns[-1]:  # a separator at the end of the line
        columns.pop()
    return columns


def _layouts(
    table: Sequence[tuple[int, list[str]]], header: Sequence[str]
) -> tuple[dict[int, Layout], Layout | None]:
    """The layout by number of columns, and the one of most rows."""
    counts = {len(columns) for _, columns in table}
    if header and (stated := from_header(header, [columns for _, columns in table])):
        return {count: stated for count in counts if count >= stated.columns}, stated
    groups: dict[int, list[list[str]]] = defaultdict(list)
    for _, columns in table:
        if len(columns) >= _LEAST_COLUMNS and _is_usable(columns):
            groups[len(columns)].append(columns)
    if not groups:
        return {}, None
    usual = max(groups, key=lambda count: len(groups[count]))
    total = sum(map(len, groups.values()))
    layouts = {count: recognise(rows) for count, rows in groups.items() if len(rows) >= _RARE * total}
    return layouts, layouts[usual]


def _is_usable(columns: Sequence[str]) -> bool:
    """Whether the columns decide about a layout: frame and track are numbers."""
    return all(re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", column) for column in columns[:2])


def _parse(columns: Sequence[str], layouts: dict[int, Layout]) -> MotRow | None:
    """A row with its frame as the file counts it; None where it marks a region to be ignored."""
    if len(columns) < _LEAST_COLUMNS:
        raise ValueError(f"{len(columns)} columns instead of at least {_LEAST_COLUMNS}")
    layout = layouts.get(len(columns))
    if layout is None:
        if not _is_usable(columns):
            raise ValueError("a column that is no number")
        usual = " or ".join(map(str, sorted(layouts))) or "more"
        raise ValueError(f"{len(columns)} columns, but other rows have {usual}")
    frame, track, first, second, third, fourth, confidence, visibility = _numbers(columns, layout)
    if not 0 <= frame <= _LAST_FRAME or frame % 1:
        raise ValueError(f"frame {frame:g}, but frames are whole numbers from 0 or 1 to {_LAST_FRAME}")
    if track == -1 and layout.ignores_track_minus_one:
        return None
    if not 0 <= track < _TRACKS or track % 1:
        raise ValueError(
            f"track {track:g}, but tracks are whole numbers from 0 below 2^63 (-1 marks detections)"
        )
    left, top, width, height = _ltwh(layout.box_kind, first, second, third, fourth)
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width:g} x {height:g} pixels")
    kind = 1 if layout.kind is None else _class_id(layout, columns[layout.kind])
    seen = visibility if visibility >= 0 else 1.0
    return MotRow(int(frame), int(track), left, top, width, height, confidence, kind, seen)


def _numbers(columns: Sequence[str], layout: Layout) -> Iterator[float]:
    """Frame, track, the box, confidence and visibility; a column that the layout lacks is 1."""
    places = (layout.frame, layout.track, *layout.box, layout.confidence, layout.visibility)
    try:
        values = [1.0 if place is None else float(columns[place]) for place in places]
    except ValueError:
        raise ValueError("a column that is no number") from None
    if not all(map(math.isfinite, values)):
        raise ValueError("a column that is not finite")
    return iter(values)


def _class_id(layout: Layout, value: str) -> int:
    try:
        return layout.class_id(value)
    except (ValueError, OverflowError):
        raise ValueError(f"class {value!r}") from None


def _ltwh(
    kind: str, first: float, second: float, third: float, fourth: float
) -> tuple[float, float, float, float]:
    if kind == "corners":
        return first, second, third - first, fourth - second
    if kind == "centre":
        return first - third / 2, second - fourth / 2, third, fourth
    return first, second, third, fourth


def _first_frame(
    path: Path, rows: Sequence[MotRow], layout: Layout | None, given: int | None
) -> tuple[int, bool]:
    """What the file calls its first frame, and whether that is known."""
    if given is not None:
        return given, True
    if layout is not None and layout.first_frame is not None:
        return layout.first_frame, True
    least = min((row.frame for row in rows), default=1)
    if least <= 1:
        return least, True
    return 1, _is_ground_truth(path) or _is_ours(path)


def _is_ground_truth(path: Path) -> bool:
    """Whether the file has the name and place that MOTChallenge gives to its annotations."""
    return path.name == "gt.txt" or any((folder / "seqinfo.ini").is_file() for folder in path.parents[:2])


def _is_ours(path: Path) -> bool:
    """Whether `stca track` wrote the file."""
    return path.name == "tracks.txt" and "finished" in (read_video_file(path.parent) or {})
