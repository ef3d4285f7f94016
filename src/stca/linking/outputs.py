"""Output files of linking: tracks with global ids, a table of persons, contact sheets."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from stca.errors import GalleryError
from stca.gallery.times import format_time
from stca.linking.contact_sheet import sheet_names, write_contact_sheets
from stca.linking.linking import Linking
from stca.linking.tracks import mot_rows, write_mot_files
from stca.tools.files import write_text

NOTE_FILE = "linking.json"
_TABLE = "persons.csv"
_OURS = re.compile(r"persons\.csv|persons-\d+\.png|[^/\\\0]+\.txt")


def write_linking(linking: Linking, out: Path, *, blur: bool = False) -> list[Path]:
    """Write `persons.csv`, `persons-01.png` ... and one MOTChallenge file per camera into a folder.

    `linking.json` lists these files. Files that an earlier linking listed there and this one does not write
    are removed; no others are. `blur`: heads are blurred on the sheets.

    Returns:
        the files.

    Raises:
        GalleryError: a file of one of these names exists that no earlier linking listed; then nothing is
            written.

    """
    rows = mot_rows(linking)
    names = [_TABLE, *(f"{camera}.txt" for camera in rows), *sheet_names(linking)]
    earlier = _read_file_list(out)
    _require_free(out, names, earlier)
    # Written first, so that the next run may overwrite what an interrupted one leaves.
    _write_file_list(out, {*earlier, *names})
    written = [_write_persons(linking, out), *write_mot_files(rows, out)]
    written += write_contact_sheets(linking, out, blur=blur)
    for name in earlier - set(names):
        (out / name).unlink(missing_ok=True)
    _write_file_list(out, names)
    return written


def _require_free(out: Path, names: Iterable[str], earlier: set[str]) -> None:
    """Raise GalleryError rather than overwrite a file that linking did not write."""
    others = [name for name in names if name not in earlier and (out / name).exists()]
    if not earlier and (out / NOTE_FILE).exists():
        others.append(NOTE_FILE)
    if others:
        raise GalleryError(
            "Linking would overwrite files that it did not write",
            expected="a new folder, or one written by `stca link`",
            found=", ".join(sorted(others)),
            where=out,
            hint="name another folder, or move these files away",
        )


def _write_persons(linking: Linking, out: Path) -> Path:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["person", "camera", "first", "last", "tracklets"])
    for appearance in linking.appearances():
        rows.writerow(
            [
                appearance.person,
                appearance.camera,
                _exact(appearance.first),
                _exact(appearance.last),
                appearance.tracklets,
            ]
        )
    write_text(out / _TABLE, text.getvalue())
    return out / _TABLE


def _write_file_list(out: Path, names: Iterable[str]) -> None:
    write_text(out / NOTE_FILE, json.dumps({"files": sorted(names)}, indent=1) + "\n")


def _read_file_list(out: Path) -> set[str]:
    """File names listed by an earlier linking; none if the list is missing or invalid."""
    try:
        names = json.loads((out / NOTE_FILE).read_text(encoding="utf-8"))["files"]
        return set(names) if all(map(_OURS.fullmatch, names)) else set()
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def persons_table(linking: Linking, names: Mapping[int, str] | None = None) -> str:
    """One line per person and camera, with first and last time.

    Args:
        linking: of a gallery.
        names: of persons by number, at the end of a person's first line.

    """
    width = max(12, *(len(appearance.camera) for appearance in linking.appearances()))
    lines = [f"{'person':>6}  {'camera':<{width}}{'first':>27}{'last':>27}{'tracklets':>11}"]
    before = None
    for appearance in linking.appearances():
        new = appearance.person != before
        before = appearance.person
        number = str(before) if new else ""
        name = (names or {}).get(before, "") if new else ""
        times = f"{_shown(appearance.first):>27}{_shown(appearance.last):>27}"
        lines.append(
            f"{number:>6}  {appearance.camera:<{width}}{times}{appearance.tracklets:>11}  {name}".rstrip()
        )
    count = len(linking.persons)
    tracklets = sum(map(len, linking.persons))
    summary = f"{tracklets} tracklets are {count} {'person' if count == 1 else 'persons'}"
    return "\n".join([*lines, f"{summary} (mean cosine of at least {linking.threshold:.3f})"])


def threshold_note(linking: Linking) -> str:
    """Where a linking's threshold is from."""
    return f"threshold {linking.threshold:.3f}: {linking.origin}"


def corrections_note(linking: Linking) -> str:
    """What corrections by people did to a linking; empty if there are none."""
    parts = []
    if linking.corrected:
        parts.append(f"corrections by people that hold: {linking.corrected}")
    if left_out := linking.left_out:
        numbers = ", ".join(str(each.id) for each in left_out[:5]) + ", ..." * (len(left_out) > 5)
        verbs = ("contradict", "are") if len(left_out) > 1 else ("contradicts", "is")
        parts.append(
            f"{len(left_out)} {verbs[0]} newer ones and {verbs[1]} left out where they do "
            f"(number {numbers} of `stca person log`)"
        )
    if linking.hidden:
        parts.append(f"hidden tracklets: {len(linking.hidden)}")
    return "; ".join(parts)


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else format_time(seconds)


def _exact(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
