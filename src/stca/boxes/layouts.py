"""What the columns of a track file mean: recognised by their number, their values, or a header line.

Sources: motchallenge.net (MOT15 to MOT20; DanceTrack and SportsMOT use the same columns), the KITTI tracking
and VisDrone MOT development kits' readme files, and the result writers of BoxMOT (versions 10 to 16).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stca.boxes.rows import PEDESTRIAN

NO_PERSON = 8
"""`MotRow.class_id` of everything but persons in files with classes of their own; 8 is MOT16's distractor."""

_KITTI_PERSONS = {"pedestrian", "person", "person_sitting"}
_VISDRONE_PERSONS = {1, 2}  # "pedestrian" stands or walks, "people" have another pose


@dataclass(frozen=True, slots=True)
class Layout:
    """Meaning of the columns of one kind of file, each by its index from 0; None for a column it lacks.

    Args:
        name: shown to the user.
        frame, track: whole numbers.
        box: the four columns of the box.
        box_kind: `ltwh` (left, top, width, height), `corners` (left, top, right, bottom) or `centre`
            (centre x, centre y, width, height).
        confidence, kind, visibility: see `MotRow`; `kind` is the class.
        class_id: the file's class to `MotRow.class_id`.
        first_frame: the number of the first frame by the format's definition; None where files differ.
        ignores_track_minus_one: whether such rows are regions to be ignored (KITTI's DontCare).

    """

    name: str
    frame: int = 0
    track: int = 1
    box: tuple[int, int, int, int] = (2, 3, 4, 5)
    box_kind: str = "ltwh"
    confidence: int | None = None
    kind: int | None = None
    visibility: int | None = None
    class_id: Callable[[str], int] = lambda value: int(float(value))
    first_frame: int | None = None
    ignores_track_minus_one: bool = False

    @property
    def columns(self) -> int:
        """Number of columns that a row needs at least."""
        optional = (self.confidence, self.kind, self.visibility)
        return 1 + max(self.frame, self.track, *self.box, *(c for c in optional if c is not None))


def recognise(rows: Sequence[Sequence[str]]) -> Layout:
    """The layout of rows that all have the same number of columns, at least six."""
    count = len(rows[0])
    if count in (17, 18) and not _is_number(rows[0][2]):
        return Layout(
            f"KITTI tracking ({count} columns; Pedestrian and Person_sitting are persons)",
            box=(6, 7, 8, 9),
            box_kind="corners",
            confidence=17 if count == 18 else None,
            kind=2,
            class_id=lambda value: PEDESTRIAN if value.lower() in _KITTI_PERSONS else NO_PERSON,
            first_frame=0,
            ignores_track_minus_one=True,
        )
    if count == 10 and _is_visdrone(rows):
        return Layout(
            "VisDrone (10 columns; classes 1 and 2 of the eighth are persons)",
            confidence=6,
            kind=7,
            class_id=lambda value: PEDESTRIAN if _whole(value) in _VISDRONE_PERSONS else NO_PERSON,
            first_frame=1,
        )
    if count == 9:
        return _nine_columns(rows)
    if count == 8 and (classes := _classes(rows, 7)) and min(classes) >= 0:
        persons, class_id = _persons(classes)
        return Layout(f"8 columns (class in the eighth, {persons})", confidence=6, kind=7, class_id=class_id)
    if count == 6:
        return Layout("MOTChallenge, 6 columns (no confidence)")
    return Layout(f"MOTChallenge, {count} columns (no class)", confidence=6)


def _nine_columns(rows: Sequence[Sequence[str]]) -> Layout:
    """MOT16 and later, or one of BoxMOT's: (1, class, confidence) or (confidence, class, detection index)."""
    classes = _classes(rows, 7)
    if not classes or max(classes) < 0:
        return Layout("MOTChallenge, 9 columns (no class)", confidence=6)
    persons, class_id = _persons(classes)
    nines = [row[8] for row in rows]
    if all(row[6] == "1" and re.fullmatch(r"[01]\.\d{6}", row[8]) for row in rows):
        name = f"BoxMOT, 9 columns (class in the eighth, {persons}; confidence in the ninth)"
        return Layout(name, confidence=8, kind=7, class_id=class_id)
    if all(re.fullmatch(r"-?\d+", value) for value in nines) and any(int(v) not in (0, 1) for v in nines):
        name = f"BoxMOT, 9 columns (class in the eighth, {persons}; detection index in the ninth)"
        return Layout(name, confidence=6, kind=7, class_id=class_id)
    name = f"MOT16 and later, 9 columns (class in the eighth, {persons}; visibility in the ninth)"
    return Layout(name, confidence=6, kind=7, visibility=8, class_id=class_id)


def _persons(classes: set[int]) -> tuple[str, Callable[[str], int]]:
    """Which class is a person: MOTChallenge and BoxMOT count classes from 1, COCO's detectors from 0."""
    if 0 in classes:
        return "0 is a person", lambda value: _whole(value) + 1
    return "1 is a person", lambda value: _whole(value) if _whole(value) >= 0 else PEDESTRIAN


def _is_visdrone(rows: Sequence[Sequence[str]]) -> bool:
    """Ten columns with category, truncation and occlusion, and not MOT15's world coordinates.

    Categories are 0 (ignored region) to 11; truncation is 0 or 1, occlusion 0 to 2, both -1 in results.
    COCO's class 0 before two -1 is a person of another tool's, as VisDrone's results have no ignored regions.
    """
    categories, truncation, occlusion = (_classes(rows, column) for column in (7, 8, 9))
    return (
        bool(categories)
        and categories <= set(range(12))
        and categories != {0}
        and truncation <= {-1, 0, 1}
        and bool(truncation)
        and occlusion <= {-1, 0, 1, 2}
        and bool(occlusion)
        and not (0 in categories and truncation == {-1})
    )


def _classes(rows: Sequence[Sequence[str]], column: int) -> set[int]:
    """The values of a column if all are whole numbers, else none."""
    values = {row[column] for row in rows}
    try:
        numbers = {float(value) for value in values}
        return {int(number) for number in numbers} if all(n % 1 == 0 for n in numbers) else set()
    except (ValueError, OverflowError):
        return set()


def _whole(value: str) -> int:
    return int(float(value))


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


_HEADERS: Mapping[str, str] = {
    "frame": "frame frameid frameidx frameindex framenumber frameno framenum",
    "track": "id track trackid trackerid objectid targetid personid identity",
    "left": "left x x1 xmin bbleft bboxleft bboxx bbx bboxx1 topleftx l",
    "top": "top y y1 ymin bbtop bboxtop bboxy bby bboxy1 toplefty t",
    "right": "right x2 xmax bbright bboxright bboxx2",
    "bottom": "bottom y2 ymax bbbottom bboxbottom bboxy2",
    "width": "width w bbwidth bboxwidth bboxw bbw",
    "height": "height h bbheight bboxheight bboxh bbh",
    "x centre": "cx xc xcenter xcentre centerx centrex bboxcx",
    "y centre": "cy yc ycenter ycentre centery centrey bboxcy",
    "confidence": "conf confidence score detconf detscore",
    "kind": "class cls classid category categoryid objectcategory label type classname",
    "visibility": "visibility vis visratio",
}
_MEANING = {name: meaning for meaning, names in _HEADERS.items() for name in names.split()}
_BOXES = {
    "ltwh": ("left", "top", "width", "height"),
    "corners": ("left", "top", "right", "bottom"),
    "centre": ("x centre", "y centre", "width", "height"),
}


def from_header(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Layout | None:
    """The layout that a header line states; None where it does not name frame, track and a box."""
    places: dict[str, int] = {}
    for column, name in enumerate(names):
        meaning = _MEANING.get(re.sub(r"[^a-z0-9]", "", name.lower()))
        if meaning is not None:
            places.setdefault(meaning, column)
    for kind, sides in _BOXES.items():
        if {"frame", "track", *sides} <= set(places):
            first, second, third, fourth = (places[side] for side in sides)
            class_column = places.get("kind")
            return Layout(
                f"columns by the header ({', '.join(sides)})",
                frame=places["frame"],
                track=places["track"],
                box=(first, second, third, fourth),
                box_kind=kind,
                confidence=places.get("confidence"),
                kind=class_column,
                visibility=places.get("visibility"),
                class_id=_named_classes(rows, class_column),
            )
    return None


def _named_classes(rows: Sequence[Sequence[str]], column: int | None) -> Callable[[str], int]:
    """Classes that may be numbers or words."""
    rows = [row for row in rows if column is not None and len(row) > column]
    if column is None or not rows:
        return _whole
    if classes := _classes(rows, column):
        return _persons(classes)[1]
    return lambda value: PEDESTRIAN if value.lower() in {*_KITTI_PERSONS, "people"} else NO_PERSON
