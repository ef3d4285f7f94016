"""Times, spans and sizes as people read them, and where the marks of drawings stand."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip("fastapi")

from stca.gallery import Record
from stca.web.pages.shown import drawing, words

MORNING = 1_769_850_000.0  # 31 January 2026, 09:00 UTC


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()


@pytest.fixture(autouse=True, scope="module")
def _zone_of_before() -> object:
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (None, None, ""),
        (3.0, 6.5, "0:00:03.0 – 0:00:06.5"),
        (3.0, 3.0, "0:00:03.0"),
        (MORNING, MORNING + 12, "31 Jan 2026, 10:00:00 – 10:00:12"),
        (MORNING, MORNING + 0.2, "31 Jan 2026, 10:00:00"),
        (MORNING, MORNING + 86_400, "31 Jan 2026, 10:00:00 – 1 Feb 2026, 10:00:00"),
    ],
)
def test_spans(first: float | None, last: float | None, expected: str) -> None:
    assert words.when(first, last) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (130, "2 min 10 s"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_400, "1 d"),
        (187_200, "2 d 4 h"),
        (40 * 86_400, "40 d"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected


def test_sizes_and_moments() -> None:
    assert [words.size(n) for n in (0, 999, 1_000, 262_144, 5.5e9)] == [
        "0 B",
        "999 B",
        "1.0 KB",
        "262 KB",
        "5.5 GB",
    ]
    assert words.iso(MORNING) == "2026-01-31T09:00:00+00:00"
    assert words.iso(12.0) == ""
    assert words.utc_offset(MORNING) == 3600
    assert words.utc_offset(5.0) == 0


def at(camera: str, first: float | None, last: float | None, clock: str = "") -> Record:
    return Record(f"{camera}/{first}", camera, first, last, clock=clock)


def test_the_strip_counts_who_was_there() -> None:
    rng = np.random.default_rng(0)
    spans = [(float(a), float(a + b)) for a, b in rng.uniform(0, 30, (40, 2))]
    found = drawing.strip([at("a", *span) for span in spans])
    assert found is not None
    assert (found.first, found.last) == (min(a for a, _ in spans), max(b for _, b in spans))
    width = (found.last - found.first) / drawing.BINS
    counts = [
        sum(
            min(int((a - found.first) / width), drawing.BINS - 1)
            <= k
            <= min(int((b - found.first) / width), drawing.BINS - 1)
            for a, b in spans
        )
        for k in range(drawing.BINS)
    ]
    heights = {int(bar.x // (drawing.WIDTH / drawing.BINS)): bar.height for bar in found.bars}
    for k, count in enumerate(counts):
        assert heights.get(k, 0) == pytest.approx(100 * count / max(counts), abs=0.01)
    assert found.chosen(None, None) == (0, drawing.WIDTH)
    assert found.chosen(found.first, found.first) == (0, 0)


def test_a_strip_needs_two_moments() -> None:
    assert drawing.strip([]) is None
    assert drawing.strip([at("a", None, None)]) is None
    assert drawing.strip([at("a", 2.0, 2.0)]) is None
    dated = drawing.strip([at("a", 2.0, 5.0, "clip"), at("a", MORNING, MORNING + 9)])
    assert dated is not None
    assert (dated.first, dated.last) == (MORNING, MORNING + 9)


def test_timelines_by_clock() -> None:
    records = [
        at("a", 0.0, 10.0),
        at("b", 20.0, 20.0),
        at("a", 90.0, 100.0),
        at("a", 1.0, 2.0, "clip"),
        at("c", None, None),
    ]
    one, other = drawing.timelines(records)
    assert [(camera, len(row)) for camera, row in one.rows] == [("a", 2), ("b", 1)]
    (first, second), (point,) = one.rows[0][1], one.rows[1][1]
    assert (first.x, first.width, second.x, second.width) == (0, 100, 900, 100)
    assert point.width == drawing.LEAST_WIDTH
    assert one.ticks == (0, 25, 50, 75, 100)
    assert other.clock == "clip"


def test_from_camera_to_camera() -> None:
    steps = drawing.journey(
        [
            at("a", 0.0, 5.0),
            at("a", 7.0, 9.0),
            at("b", 20.0, 25.0),
            at("a", 24.0, 30.0),
            at("a", 1.0, 2.0, "clip"),
        ]
    )
    assert [(step.camera, len(step.records), step.gap) for step in steps] == [
        ("a", 2, None),
        ("b", 1, 11.0),
        ("a", 1, -1.0),
        ("a", 1, None),
    ]


def test_paths() -> None:
    assert drawing.path_of([(0, 1), (0.5, 0.25), (1, 0)], height=200) == "M0.0 0.0 L500.0 150.0 L1000.0 200.0"


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            "a.jpg is used whole, as a crop of one person (in a scene, --box chooses one)",
            "a.jpg is used whole, as a crop of one person",
        ),
        (
            "door has several videos, and without --start the times of each begin at 0, also those of b.mp4; "
            "give --start to tell them apart",
            "door has several videos, and without a start the times of each begin at 0, also those of b.mp4",
        ),
        ("65 tracklets of 1 of 1 videos were added", "65 sightings of 1 video were added"),
        ("65 tracklets of 2 of 3 videos were added", "65 sightings of 2 of 3 videos were added"),
        ("0.5 s (of 3 frames) are left out", "0.5 s (of 3 frames) are left out"),
    ],
)
def test_sentences_for_the_command_line_are_said_plainly(sentence: str, shown: str) -> None:
    assert words.plain(sentence) == shown


def test_scores_never_contradict_their_verdict() -> None:
    assert words.digits([0.9, 0.5], 0.63) == 2
    assert words.digits([0.9, 0.5], None) == 2
    assert words.digits([0.6312, 0.5], 0.6341) == 3
    assert words.digits([0.6341, 0.7], 0.6341) == 2
    assert words.digits([0.63121, 0.5], 0.63124) == 5
    assert words.score(0.6312, 3) == "0.631"
    assert [words.score(value) for value in (-0.004, -0.006, 0.004)] == ["0.00", "-0.01", "0.00"]
