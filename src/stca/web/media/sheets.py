"""A person's contact sheet as PNG or PDF, and the sightings as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stca.gallery.records import Record
from stca.gallery.times import format_time
from stca.linking.contact_sheet import INK, PAPER, draw_rows
from stca.linking.persons import Person
from stca.tools.tables import harmless
from stca.tracks import MAX_SECONDS
from stca.web.listing import span
from stca.web.texts import text

_ACROSS = 8
"""Tracklets side by side."""
_ROWS_OF_A_PAGE, _MOST_ROWS = 9, 60
_HEAD = 58
_DPI = 110


def sheet_png(person: Person) -> bytes:
    """All sightings of a person in time order, as one picture: a row for eight of them, 480 at most."""
    data = io.BytesIO()
    _page(person, _rows(person.records)).save(data, format="png")
    return data.getvalue()


def sheet_pdf(person: Person) -> bytes:
    """The same on pages of nine rows."""
    rows = _rows(person.records)
    parts = [rows[start : start + _ROWS_OF_A_PAGE] for start in range(0, len(rows), _ROWS_OF_A_PAGE)]
    pages = [_page(person, part, number, len(parts)) for number, part in enumerate(parts, start=1)]
    data = io.BytesIO()
    pages[0].save(
        data,
        format="pdf",
        save_all=True,
        append_images=pages[1:],
        resolution=_DPI,
        title=_title(person),
        creator="stca",
        producer="stca",
    )
    return data.getvalue()


def sightings_csv(records: Sequence[Record]) -> str:
    """A row per sighting, in time order as given: key, camera, first, last, clock.

    Times are ISO 8601 in UTC where the clock is empty, else seconds since the beginning of the video that
    the clock names. A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    made = io.StringIO()
    rows = csv.writer(made, lineterminator="\r\n")
    rows.writerow(["key", "camera", "first", "last", "clock"])
    for record in records:
        times = (_exact(record.first, record.clock), _exact(record.last, record.clock))
        rows.writerow([harmless(record.key), harmless(record.camera), *times, harmless(record.clock)])
    return made.getvalue()


def _exact(seconds: float | None, clock: str) -> str:
    if seconds is None:
        return ""
    if clock or abs(seconds) > MAX_SECONDS:
        return f"{seconds:.3f}"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rows(records: Sequence[Record]) -> list[tuple[int, Sequence[Record]]]:
    """(number of the first, records) of each row; those beyond the last row are left out."""
    starts = range(0, len(records), _ACROSS)[:_MOST_ROWS]
    return [(start + 1, records[start : start + _ACROSS]) for start in starts]


def _page(
    person: Person, rows: Sequence[tuple[int, Sequence[Record]]], number: int = 1, pages: int = 1
) -> Image.Image:
    sheet = draw_rows([(f"{first}", "", group) for first, group in rows], across=_ACROSS)
    page = Image.new("RGB", (max(sheet.width, 640), sheet.height + _HEAD), PAPER)
    page.paste(sheet, (0, _HEAD))
    draw = ImageDraw.Draw(page)
    title = _title(person)
    draw.text((8, 6), title if len(title) <= 48 else f"{title[:47]}…", fill=INK, font=_font(20))
    draw.text((8, 34), _subtitle(person, number, pages), fill=INK, font=_font(12))
    return page


def _title(person: Person) -> str:
    number = text("person.number", number=person.number)
    return text("sheet.title", number=number, name=person.name) if person.name else number


def _subtitle(person: Person, number: int, pages: int) -> str:
    count, shown = len(person.records), min(len(person.records), _ACROSS * _MOST_ROWS)
    cameras = len({record.camera for record in person.records})
    parts = [text("count.sightings", n=count)]
    parts += [text("sheet.shown", n=shown)] if shown < count else []
    parts += [text("count.cameras", n=cameras)]
    first, last, _ = span(person.records)
    if first is not None and last is not None:
        parts.append(text("sheet.span", first=format_time(first), last=format_time(last)))
    parts += [text("sheet.page", number=number, pages=pages)] if pages > 1 else []
    return ", ".join(parts)


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of most names."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
