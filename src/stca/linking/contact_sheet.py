"""Contact sheets: a row per person, with crops, key and times of its tracklets."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageDraw, ImageFont

from stca.analysis.figures import shorten
from stca.boxes import without_head
from stca.errors import FrameError
from stca.footage.images import read_image
from stca.gallery.adding import find_crops
from stca.gallery.records import Record
from stca.gallery.times import format_span
from stca.linking.linking import Linking
from stca.tools.files import atomic_write
from stca.tracks import representative_crops

Item = TypeVar("Item")

_CROP = (48, 104)  # width, height of one crop, pixels
_CROPS = 3  # of a tracklet
_LABEL, _CAPTION, _GAP = 64, 38, 8
_LETTERS = 22  # side by side below a tracklet
_PER_ROW, _ROWS = 8, 16
INK, PAPER = (20, 20, 20), (255, 255, 255)
_GREY = (110, 110, 110)


def sheet_names(linking: Linking, *, most_pages: int = 20) -> list[str]:
    """The names of the files that `write_contact_sheets` writes."""
    pages = min(-(-len(linking.persons) // _ROWS), most_pages)
    return [f"persons-{number:02d}.png" for number in range(1, pages + 1)]


def write_contact_sheets(
    linking: Linking, out: Path, *, most_pages: int = 20, blur: bool = False
) -> list[Path]:
    """Write `persons-01.png`, ...: `_ROWS` persons to a page, at most `_PER_ROW` tracklets of each.

    Of a person with more tracklets, some spread evenly over time are shown, with the total number. Persons
    beyond the last page are not shown; a warning gives their number. `blur`: heads are blurred.
    """
    persons = list(linking.numbered())
    written = []
    for number, name in enumerate(sheet_names(linking, most_pages=most_pages)):
        path = out / name
        with atomic_write(path) as file:
            draw_sheet(persons[number * _ROWS : (number + 1) * _ROWS], blur=blur).save(file, format="png")
        written.append(path)
    if (beyond := len(persons) - _ROWS * most_pages) > 0:
        warnings.warn(
            f"{beyond} of {len(persons)} persons are not on the contact sheets (at most {most_pages} pages)",
            stacklevel=2,
        )
    return written


def draw_sheet(persons: Sequence[tuple[int, Sequence[Record]]], *, blur: bool = False) -> Image.Image:
    """One page; `blur`: heads are blurred."""
    rows = [(str(person), f"{len(group)} in all", group) for person, group in persons]
    return draw_rows(rows, blur=blur)


def draw_rows(
    rows: Sequence[tuple[str, str, Sequence[Record]]], *, across: int = _PER_ROW, blur: bool = False
) -> Image.Image:
    """Rows of tracklets with crops, keys and times.

    Args:
        rows: (heading, small print below it, tracklets); at least one, of at least one tracklet each.
        across: tracklets of a row; of more, some spread evenly over it are shown.
        blur: blur the heads.

    """
    widest = max(min(len(group), across) for _, _, group in rows)
    step = _CROPS * _CROP[0] + _GAP
    size = (_LABEL + widest * step, len(rows) * (_CROP[1] + _CAPTION + _GAP))
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for row, (heading, note, group) in enumerate(rows):
        top = row * (_CROP[1] + _CAPTION + _GAP)
        draw.line((0, top, size[0], top), fill=(220, 220, 220))
        draw.text((6, top + 8), heading, fill=INK, font=ImageFont.load_default(20))
        draw.text((6, top + 36), note, fill=_GREY, font=font)
        for column, record in enumerate(_spread(group, across)):
            left, below = _LABEL + column * step, top + _CROP[1] + 5
            _paste_crops(sheet, record, left, top + 4, blur=blur)
            draw.text((left, below), shorten(record.key, _LETTERS), fill=INK, font=font)
            times = textwrap.wrap(
                format_span(record) or "no time known", _LETTERS, max_lines=2, placeholder=" ..."
            )
            draw.multiline_text((left, below + 12), "\n".join(times), fill=_GREY, font=font, spacing=1)
    return sheet


def _paste_crops(sheet: Image.Image, record: Record, left: int, top: int, *, blur: bool) -> None:
    found = find_crops(record)
    for index, path in enumerate(representative_crops(found, _CROPS) if found else ()):
        try:
            pixels = read_image(path)
        except FrameError:
            continue  # left white
        crop = Image.fromarray(without_head(pixels) if blur else pixels)
        crop.thumbnail((_CROP[0] - 2, _CROP[1]), Image.Resampling.LANCZOS)
        scale = min((_CROP[0] - 2) / crop.width, _CROP[1] / crop.height)
        if scale > 1:
            crop = crop.resize((round(crop.width * scale), round(crop.height * scale)))
        sheet.paste(crop, (left + index * _CROP[0], top + _CROP[1] - crop.height))


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of them, from the middles of as many equal parts."""
    if len(items) <= count:
        return list(items)
    return [items[int((k + 0.5) * len(items) / count)] for k in range(count)]
