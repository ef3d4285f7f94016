import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.footage.clock import Clock

TENTHS = [k / 10 for k in range(30)]


def times(stamps: Sequence[float | None], *, rate: float = 10.0) -> tuple[list[float], list[str]]:
    clock: Clock[int] = Clock(rate)
    given = list(clock.times((stamp, k) for k, stamp in enumerate(stamps)))
    assert [k for _, k in given] == list(range(len(stamps))), "every frame once, in order"
    return [time for time, _ in given], clock.notes


@pytest.mark.parametrize(
    "stamps",
    [
        TENTHS,
        [s + 95443 for s in TENTHS],
        [s - 7.5 for s in TENTHS],
        [*TENTHS[:8], 7200.0, *TENTHS[9:]],
        [*TENTHS[:8], -7200.0, *TENTHS[9:]],
        [*TENTHS[:8], 7200.0, 7200.1, 7200.2, *TENTHS[11:]],
        [*TENTHS[:8], 0.0, *TENTHS[9:]],
        [*TENTHS[:29], 9000.0],
        [*TENTHS[:29], 0.0],
        [-95443.0, *TENTHS[1:]],
        [95443.0, *TENTHS[1:]],
        [*TENTHS[:15], *(s - 0.7 for s in TENTHS[15:])],
        [*TENTHS[:15], *(s - 95443 for s in TENTHS[15:])],
        [*TENTHS[:15], None, None, *TENTHS[17:]],
        [None, *TENTHS[1:]],
        [None] * 30,
        [k // 2 / 5 for k in range(30)],
        [*TENTHS[:3], *TENTHS[2:3], *TENTHS[4:]],
    ],
    ids=[
        "right",
        "from far on",
        "from below 0",
        "one ahead",
        "one back",
        "three ahead",
        "one at 0",
        "the last ahead",
        "the last back",
        "the first back",
        "the first ahead",
        "set back a little",
        "set back far",
        "two without",
        "the first without",
        "none at all",
        "each twice",
        "one twice",
    ],
)
def test_frames_ten_a_second_are_so_whatever_the_stamps_say(stamps: list[float | None]) -> None:
    assert times(stamps)[0] == pytest.approx(TENTHS, abs=0.051)


@pytest.mark.parametrize(
    ("stamps", "note"),
    [
        ([*TENTHS[:8], 7200.0, *TENTHS[9:]], "1 of the time stamps, from frame 9 on, are 7199 s off"),
        ([0.0, *(s + 95443 for s in TENTHS)], "first time stamp is 95443 s off"),
        ([*TENTHS[:29], 9000.0], "last time stamp is 8997 s off"),
        ([*TENTHS[:15], *(s - 60 for s in TENTHS[15:])], "set back by 59.9 s at frame 16"),
        ([*TENTHS[:15], *(s + 7200 for s in TENTHS[15:])], "ahead by 7200 s at frame 16"),
    ],
)
def test_what_the_clock_did_is_said(stamps: list[float], note: str) -> None:
    notes = times(stamps)[1]
    assert len(notes) == 1
    assert note in notes[0]


@pytest.mark.parametrize("pause", [2.5, 600.0, 7200.0])
def test_a_pause_is_kept(pause: float) -> None:
    stamps = [s + (pause if s >= 1.5 else 0) for s in TENTHS]
    assert times(stamps)[0] == pytest.approx(stamps)
    assert bool(times(stamps)[1]) == (pause > 3600), "an hour and more is named"


def test_two_pauses_and_one_before_the_last_frame() -> None:
    stamps = [*TENTHS[:10], *(s + 60 for s in TENTHS[10:20]), *(s + 300 for s in TENTHS[20:29]), 700.0]
    assert times(stamps) == (pytest.approx(stamps), [])


def test_a_pause_behind_the_first_frame_is_kept_up_to_a_minute() -> None:
    assert times([0.0, *(s + 30 for s in TENTHS)])[0][1] == pytest.approx(30)
    assert times([0.0, *(s + 300 for s in TENTHS)])[0][1] == pytest.approx(0.1)


def test_a_slow_or_varying_rate_is_no_fault() -> None:
    slow = [60.0 * k for k in range(10)]
    assert times(slow, rate=1 / 60) == (slow, [])
    varying = [0.0, 0.04, 0.08, 1.5, 1.54, 6.0, 11.0, 11.04, 20.0]
    assert times(varying, rate=25) == (varying, [])


@given(st.lists(st.none() | st.floats(-1e5, 1e5, allow_nan=False), max_size=40))
def test_times_always_grow(stamps: list[float | None]) -> None:
    found, _ = times(stamps)
    assert found[:1] in ([], [0.0])
    assert all(a < b for a, b in itertools.pairwise(found))
