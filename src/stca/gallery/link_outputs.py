"""What linking leaves: tracks with global ids, a table of persons, a contact sheet."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

from stca.boxes import MotRow, write_mot
from stca.files import write_text
from stca.gallery.contact_sheet import write_contact_sheets
from stca.gallery.figures import format_time
from stca.gallery.linking import Linking
from stca.tracks import TrackRecord, read_track


def write_linking(linking: Linking, out: Path) -> list[Path]:
    """Write `persons.csv`, `persons-01.png` ... and one MOTChallenge file per camera into a folder.

    Returns:
        the files.

    """
    table = out / "persons.csv"
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["person", "camera", "first", "last", "tracklets"])
    for stay in linking.stays():
        rows.writerow([stay.person, stay.camera, _exact(stay.first), _exact(stay.last), stay.tracklets])
    write_text(table, text.getvalue())
    return [table, *write_tracks(linking, out), *write_contact_sheets(linking, out)]


def write_tracks(linking: Linking, out: Path) -> list[Path]:
    """Write `CAMERA.txt`: the boxes of all tracklets in MOTChallenge's format, with persons for tracks.

    A camera with several videos gets a file for each, `CAMERA_VIDEO.txt`. Tracklets without a side file have
    no boxes; a warning says how many those are.
    """
    rows: dict[tuple[str, str], list[MotRow]] = {}
    missing = 0
    for number, group in linking.numbered():
        for record in group:
            track = read_track(record.folder) if record.folder else None
            if track is None:
                missing += 1
            else:
                rows.setdefault((track.camera, track.video), []).extend(_boxes(track, number))
    if missing:
        print(f"warning: {missing} tracklets without a side file have no boxes to write", file=sys.stderr)
    written = []
    for (camera, video), found in sorted(rows.items()):
        alone = sum(other == camera for other, _ in rows) == 1
        path = out / f"{camera if alone else f'{camera}_{Path(video).stem}'}.txt"
        write_mot(path, sorted(found, key=lambda row: (row.frame, row.track)))
        written.append(path)
    return written


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


def _boxes(track: TrackRecord, person: int) -> list[MotRow]:
    return [MotRow(frame.frame, person, *frame.box, confidence=frame.score) for frame in track.frames]
