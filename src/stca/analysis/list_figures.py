"""Figures of ranked lists, with correct and wrong matches marked (the paper's figure 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase

from matplotlib.figure import Figure

from stca.analysis.figures import PAGE, QUERY, RIGHT, WRONG, Box, Sheet, finish, printable, shorten
from stca.analysis.paired_lists import Outcome, PairedLists, count_outcomes
from stca.analysis.ranked_lists import Match, RankedList
from stca.clips import read_frame
from stca.tracklets import Tracklet

_PITCH, _SPACE, _CAPTION, _LABEL = 0.5, 0.07, 0.28, 0.22
_TITLE = 0.32
LEGEND = (
    "✓ solid green: same person. ✗ dashed red: another person. Blue: the query. c: camera; below: distance."
)


def ranked_lists_figure(
    lists: Sequence[RankedList], tracklets: Mapping[str, Tracklet], *, title: str = "", aspect: float = 2.0
) -> Figure:
    """Draw one row per query: the query in blue, then its matches, green if correct and red if wrong.

    Args:
        lists: at least one.
        tracklets: by key; the middle frame of each is shown.
        title: drawn above the lists.
        aspect: height of a crop divided by its width.

    """
    columns = 1 + max(len(each.matches) for each in lists)
    tile = _PITCH * 1.4
    row = (tile - _SPACE) * aspect + _CAPTION + 0.15
    head = 0.55
    sheet = Sheet.new(max(columns * tile + 0.1, 5.2), head + len(lists) * row)
    sheet.text(0, 0, title, size=9)
    sheet.text(0, 0.23, LEGEND, size=7)
    for number, each in enumerate(lists):
        y = head + number * row + _CAPTION
        width = tile - _SPACE
        _query(sheet, Box(0.04, y, width, width * aspect), tracklets[each.query])
        for place, match in enumerate(each.matches, 1):
            box = Box(0.04 + place * tile, y, width, width * aspect)
            _match(sheet, box, place, match, tracklets[match.key])
    return finish(sheet.figure)


def paired_lists_figure(
    chosen: Sequence[PairedLists],
    everything: Sequence[PairedLists],
    tracklets: Mapping[str, Tracklet],
    *,
    labels: tuple[str, str],
    title: str = "",
    aspect: float = 2.0,
) -> Figure:
    """Draw one panel per query: the query, the first system's list above, the second's below.

    Args:
        chosen: the pairs to draw, at least one.
        everything: all pairs they were chosen from; their counts by outcome are written above the panels.
        tracklets: by key; the middle frame of each is shown.
        labels: short names of the two systems.
        title: drawn above the lists.
        aspect: height of a crop divided by its width.

    """
    longest = max(len(each.matches) for pair in chosen for each in (pair.first, pair.second))
    part_w = _LABEL + (1 + longest) * _PITCH + 0.2
    across = max(1, min(len(chosen), int((PAGE + 0.8) // part_w)))
    tile_w = _PITCH - _SPACE
    line_h = tile_w * aspect + _CAPTION
    part_h = _TITLE + 2 * line_h + 0.14
    head = 0.62
    lines = -(-len(chosen) // across)
    sheet = Sheet.new(max(across * part_w, 5.6), head + lines * part_h)
    sheet.text(0, 0, title, size=9)
    sheet.text(0, 0.24, f"{_counts(everything, labels)}\n{LEGEND}", size=7)
    for number, pair in enumerate(chosen):
        line, place = divmod(number, across)
        x, y = place * part_w, head + line * part_h
        query = tracklets[pair.query]
        heading = f"({ascii_lowercase[number % 26]}) {outcome_label(pair.outcome, labels)}"
        key = printable(shorten(query.key, int((part_w - 0.3) / 0.062) - 6))
        sheet.text(x, y, heading, size=8, weight="bold")
        sheet.text(x, y + 0.155, f"query {key}", size=7)
        y += _TITLE
        _query(sheet, Box(x + 0.04, y + _CAPTION + line_h / 2, tile_w, tile_w * aspect), query)
        for row, (label, each) in enumerate(zip(labels, (pair.first, pair.second), strict=True)):
            top = y + row * line_h + _CAPTION
            left = x + _PITCH + _LABEL
            middle = top + tile_w * aspect / 2
            sheet.text(left - 0.08, middle, printable(label), size=7, ha="right", va="center", rotation=90)
            for rank, match in enumerate(each.matches, 1):
                box = Box(left + (rank - 1) * _PITCH, top, tile_w, tile_w * aspect)
                _match(sheet, box, rank, match, tracklets[match.key])
    return finish(sheet.figure)


def outcome_label(outcome: Outcome, labels: tuple[str, str]) -> str:
    """Describe an outcome with the names of the systems."""
    named = {"only the first": f"only {labels[0]} right", "only the second": f"only {labels[1]} right"}
    return printable(named.get(outcome, f"{outcome} right"))


def _counts(pairs: Sequence[PairedLists], labels: tuple[str, str]) -> str:
    counts = count_outcomes(pairs)
    parts = [f"{outcome_label(each, labels)}: {count:,}" for each, count in counts.items()]
    return f"At rank 1, of all {len(pairs):,} queries: {', '.join(parts)}."


def _query(sheet: Sheet, box: Box, query: Tracklet) -> None:
    _tile(sheet, box, query, caption=f"query\ncam {query.camera_id}", colour=QUERY)


def _match(sheet: Sheet, box: Box, rank: int, match: Match, found: Tracklet) -> None:
    mark, colour, style = ("✓", RIGHT, "solid") if match.right else ("✗", WRONG, "dashed")
    caption = f"{rank} {mark} c{found.camera_id}\n{match.distance:.{3 if match.distance < 10 else 1}f}"
    _tile(sheet, box, found, caption=caption, colour=colour, style=style)


def _tile(
    sheet: Sheet, box: Box, tracklet: Tracklet, *, caption: str, colour: str, style: str = "solid"
) -> None:
    axes = sheet.axes(box)
    axes.imshow(read_frame(tracklet, len(tracklet) // 2), aspect="auto", interpolation="bicubic")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2, linestyle=style)
    middle = box.x + box.width / 2
    sheet.text(middle, box.y - 0.03, caption, size=7, ha="center", va="bottom", linespacing=1.05)
