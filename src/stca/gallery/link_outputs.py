"""What linking leaves: tracks with global ids, a table of persons, a contact sheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from stca.files import write_text
from stca.gallery.contact_sheet import write_contact_sheets
from stca.gallery.figures import format_time
from stca.gallery.link_tracks import write_tracks
from stca.gallery.linking import Linking

NOTE_FILE = "linking.json"


def write_linking(linking: Linking, out: Path) -> list[Path]:
    """Write `persons.csv`, `persons-01.png` ... and one MOTChallenge file per camera into a folder.

    `linking.json` notes which files these are. Those that an earlier linking noted there, and this one does
    not write, are removed; nothing else is.

    Returns:
        the files.

    """
    earlier = _noted(out)
    written = [_write_persons(linking, out), *write_tracks(linking, out), *write_contact_sheets(linking, out)]
    for name in earlier - {path.name for path in written}:
        (out / name).unlink(missing_ok=True)
    _note(out, written)
    return written


def _write_persons(linking: Linking, out: Path) -> Path:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["person", "camera", "first", "last", "tracklets"])
    for stay in linking.stays():
        rows.writerow([stay.person, stay.camera, _exact(stay.first), _exact(stay.last), stay.tracklets])
    write_text(out / "persons.csv", text.getvalue())
    return out / "persons.csv"


def _note(out: Path, written: Sequence[Path]) -> None:
    write_text(out / NOTE_FILE, json.dumps({"files": [path.name for path in written]}, indent=1) + "\n")


def _noted(out: Path) -> set[str]:
    """Names of files of an earlier linking; nothing where the note is not what `_note` writes."""
    try:
        names = json.loads((out / NOTE_FILE).read_text(encoding="utf-8"))["files"]
        return {name for name in names if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def persons_table(linking: Linking) -> str:
    """One line per person and camera: when they were seen there first and last."""
    lines = [f"{'person':>6}  {'camera':<12}{'first':>27}{'last':>27}{'tracklets':>11}"]
    before = None
    for stay in linking.stays():
        name = "" if stay.person == before else str(stay.person)
        before = stay.person
        times = f"{_shown(stay.first):>27}{_shown(stay.last):>27}"
        lines.append(f"{name:>6}  {stay.camera:<12}{times}{stay.tracklets:>11}")
    count = len(linking.persons)
    tracklets = sum(map(len, linking.persons))
    summary = f"{tracklets} tracklets are {count} {'person' if count == 1 else 'persons'}"
    return "\n".join([*lines, f"{summary} (mean cosine of at least {linking.threshold:.3f})"])


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else format_time(seconds)


def _exact(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
