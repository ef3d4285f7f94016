"""From boxes to finished tracks: association, joining, smoothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stca.boxes import overlaps
from stca.errors import ConfigError
from stca.footage.sources import Frame
from stca.tracking.appearance import NetworkChanges
from stca.tracking.associate import TRACKERS, Associator, CameraMotion
from stca.tracking.detectors.detections import NOTHING, Detections
from stca.tracking.smoothing import MAX_FILLED_GAP, FrameTimes, is_long_enough, smoothed, to_rows
from stca.tracking.track_builder import Observation, Track, TrackBuilder

RATE = 10.0
IMAGE = np.zeros((200, 400, 3), np.uint8)


class Colours:
    """A store that gives every box the look of the person in it."""

    def __init__(self) -> None:
        self.joined: list[tuple[int, int]] = []
        self.most = 0  # observations of open tracks at once
        self.split_off: list[tuple[int, int, list[int]]] = []

    def add(self, number: int, seen: Observation) -> None:
        seen.file = f"{seen.frame:06d}.jpg"

    def join(self, number: int, later: int) -> None:
        self.joined.append((number, later))

    def split(self, number: int, later: int, observations: Sequence[Observation]) -> None:
        self.split_off.append((number, later, [o.frame for o in observations]))

    def crops(self, number: int, observations: Sequence[Observation]) -> list[Path]:
        return [Path(o.file) for o in observations]


def look(person: int) -> np.ndarray:
    vector = np.zeros(128, np.float32)
    vector[person] = 1
    return vector


def observation(frame: int, x: float, *, person: int = 0, score: float = 0.9, y: float = 50) -> Observation:
    box = np.array([x, y, x + 20, y + 50], float)
    return Observation(
        frame, (frame - 1) / RATE, box, score, {"visible": 1.0, "inside": 1.0}, None, look(person)
    )


def follow(
    frames: dict[int, list[Observation]],
    *,
    tracker: str = "ocsort",
    until: int = 200,
    changes: NetworkChanges | None = None,
    longest: float = float("inf"),
) -> tuple[list[Track], Colours]:
    pytest.importorskip("trackers")
    store = Colours()
    associator, following = (
        Associator(tracker, RATE),
        TrackBuilder(RATE, store, changes=changes, longest=longest),
    )
    done: list[Track] = []
    for frame in range(1, until + 1):
        seen = frames.get(frame, [])
        found = (
            Detections(
                np.stack([o.box for o in seen]).astype(np.float32),
                np.array([o.score for o in seen], np.float32),
            )
            if seen
            else NOTHING
        )
        time = (frame - 1) / RATE
        done += list(following.update(Frame(frame, time, IMAGE), seen, associator.update(time, found)))
        store.most = max(store.most, sum(len(each.observations) for each in following._tracks.values()))
    return done + list(following.close()), store


def frames_of(track: Track) -> list[int]:
    return [o.frame for o in track.observations]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_two_people_who_cross_far_apart(tracker: str) -> None:
    frames = {f: [observation(f, 2.0 * f), observation(f, 300 - 2.0 * f, y=150)] for f in range(1, 60)}
    done, _ = follow(frames, tracker=tracker)
    assert len(done) == 2
    for track in done:
        assert frames_of(track) == list(range(1, 60)), "from the first box on"
        assert len({o.box[1] for o in track.observations}) == 1


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_short_absence_is_one_track(tracker: str) -> None:
    frames = {f: [observation(f, 2.0 * f)] for f in range(1, 60) if not 30 <= f < 36}
    done, _ = follow(frames, tracker=tracker)
    assert [frames_of(track) for track in done] == [sorted(frames)]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_longer_absence_is_joined_where_look_and_place_fit(tracker: str) -> None:
    def away(person: int, jump: float = 0.0) -> tuple[list[Track], Colours]:
        first = {f: [observation(f, 2.0 * f)] for f in range(1, 40)}
        then = {f: [observation(f, 2.0 * f + jump, person=person)] for f in range(56, 90)}
        return follow(first | then, tracker=tracker)

    done, store = away(person=0)
    assert len(done) == 1
    assert len(store.joined) == 1
    assert frames_of(done[0]) == [*range(1, 40), *range(56, 90)]
    assert len(away(person=1)[0]) == 2, "somebody else"
    assert len(away(person=0, jump=150)[0]) == 2, "too far away"


def test_nobody_is_joined_with_who_is_still_there() -> None:
    frames = {f: [observation(f, 100.0)] for f in range(1, 100)}
    for f in range(40, 90):
        frames[f].append(observation(f, 130.0))
    done, store = follow(frames)
    assert len(done) == 2
    assert not store.joined


def test_two_lost_tracks_are_given_back_each_to_his_own() -> None:
    frames = {f: [observation(f, 2.0 * f), observation(f, 2.0 * f, person=1, y=90)] for f in range(1, 40)}
    frames |= {f: [observation(f, 2.0 * f, person=1, y=90), observation(f, 2.0 * f)] for f in range(56, 90)}
    done, _ = follow(frames)
    assert len(done) == 2
    for track in done:
        assert len({int(o.colours.argmax()) for o in track.observations if o.colours is not None}) == 1


def test_tracks_come_as_soon_as_nothing_can_follow() -> None:
    store = Colours()
    following = TrackBuilder(RATE, store)
    came = None
    for frame in range(1, 100):
        seen = [observation(frame, 2.0 * frame)] if frame < 20 else []
        if list(
            following.update(Frame(frame, (frame - 1) / RATE, IMAGE), seen, np.zeros(len(seen), np.int64))
        ):
            came = came or frame
    assert came is not None
    assert 35 < came < 45, "two seconds after the last box"
    assert not list(following.close())


def test_a_hole_in_time_ends_all_tracks() -> None:
    pytest.importorskip("trackers")
    associator = Associator("ocsort", RATE)
    found = Detections(np.array([[10, 10, 30, 60]], np.float32), np.array([0.9], np.float32))
    numbers = [int(associator.update(t, found)[0]) for t in (0.0, 0.1, 0.2, 30.0, 30.1, 30.2)]
    assert numbers[2] == max(numbers[:3]) >= 0
    assert numbers[-1] > numbers[2], "a new number"
    assert numbers[2] not in numbers[3:], "also in the first frames after the hole"


@pytest.mark.parametrize("gap", [12, 15, 24, 40])
def test_a_number_that_comes_back_costs_no_box(gap: int) -> None:
    store = Colours()
    following = TrackBuilder(RATE, store)
    done: list[Track] = []
    shown = [*range(1, 40), *range(39 + gap, 90)]
    for frame in range(1, 120):
        x = 20.0 if frame < 40 else 300.0
        seen = [observation(frame, x)] if frame in shown else []
        done += following.update(Frame(frame, (frame - 1) / RATE, IMAGE), seen, np.full(len(seen), 7))
    done += following.close()
    assert [frames_of(track) for track in done] == [shown[:39], shown[39:]]
    assert len({track.number for track in done}) == 2, "numbers are never used again"


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("gap", [1.4, 3.0])
def test_frames_that_are_sparser_than_the_rate_says(tracker: str, gap: float) -> None:
    """A camera of 25 frames a second whose detector manages five: lost tracks still live for a second."""
    pytest.importorskip("trackers")
    associator, following = Associator(tracker, 25.0), TrackBuilder(25.0, Colours())
    times = [0.2 * i for i in range(30)]
    times += [times[-1] + gap + 0.2 * i for i in range(30)]
    done: list[Track] = []
    every = sorted({*times, *(times[29] + 0.2 * i for i in range(round(gap / 0.2)))})
    for frame, time in enumerate(every, start=1):
        seen = [observation(frame, 100.0)] if time in times else []
        found = (
            Detections(seen[0].box[None].astype(np.float32), np.array([0.9], np.float32)) if seen else NOTHING
        )
        for o in seen:
            o.time = time
        done += following.update(Frame(frame, time, IMAGE), seen, associator.update(time, found))
    done += following.close()
    kept = [o.time for track in done for o in track.observations]
    assert len(kept) == len(set(kept)) == len(times)


def test_frames_in_bursts_are_followed_as_evenly_spaced_ones() -> None:
    pytest.importorskip("trackers")
    answers = []
    for burst in (1, 5):
        associator = Associator("ocsort", RATE)
        numbers = []
        for i in range(40):
            box = np.array([[6.0 * i, 10, 6.0 * i + 20, 60]], np.float32)
            found = Detections(box, np.array([0.9], np.float32))
            numbers.append(int(associator.update((i - i % burst) / RATE + 1e-3 * (i % burst), found)[0]))
        answers.append(numbers)
    assert set(answers[1][1:]) == set(answers[0][1:]) == {0}


def test_no_such_tracker() -> None:
    with pytest.raises(ConfigError, match="ocsort or bytetrack or botsort"):
        Associator("sort", RATE)


def test_boxes_in_another_order_keep_their_numbers() -> None:
    pytest.importorskip("trackers")
    associator = Associator("bytetrack", RATE)
    boxes = np.array([[10, 10, 30, 60], [100, 10, 120, 60], [200, 10, 220, 60]], np.float32)
    told = {}
    for turn in range(6):
        order = np.roll(np.arange(3), turn)
        numbers = associator.update(turn / RATE, Detections(boxes[order], np.full(3, 0.9, np.float32)))
        told = (
            {int(row): int(number) for row, number in zip(order, numbers, strict=True)} if turn == 2 else told
        )
        if turn > 2:
            assert {int(row): int(number) for row, number in zip(order, numbers, strict=True)} == told
    assert len(set(told.values())) == 3


def a_track(*frames: int) -> Track:
    return Track(7, [observation(f, 2.0 * f, score=0.5 + 0.001 * f) for f in frames])


def lasting(boxes: int, seconds: float) -> Track:
    track = a_track(*range(1, boxes + 1))
    for o in track.observations:
        o.duration = seconds
    return track


def test_what_is_long_enough() -> None:
    assert not is_long_enough(lasting(4, 0.1))
    assert is_long_enough(lasting(5, 0.1))
    assert not is_long_enough(lasting(12, 0.04))
    assert is_long_enough(lasting(13, 0.04))
    assert is_long_enough(lasting(3, 0.2)), "a camera of 25 frames a second, of which five are looked at"
    assert not is_long_enough(lasting(2, 1.0))


@pytest.mark.parametrize("step", [0.04, 0.2])
def test_half_a_second_is_one_at_any_speed(step: float) -> None:
    for seconds, wanted in ((0.3, False), (0.7, True)):
        following = TrackBuilder(25.0, Colours())
        done: list[Track] = []
        for frame in range(1, 200):
            time = (frame - 1) * step
            seen = [observation(frame, 100.0)] if 2 <= time < 2 + seconds else []
            for o in seen:
                o.time = time
            done += following.update(Frame(frame, time, IMAGE), seen, np.zeros(len(seen), np.int64))
        (track,) = done
        assert is_long_enough(track) is wanted


def times_of(*tracks: Track, seconds: float = 1 / RATE) -> FrameTimes:
    """Times of evenly spaced frames, enough for the tracks."""
    times = FrameTimes()
    for frame in range(1, max(o.frame for track in tracks for o in track.observations) + 1):
        times.add(frame, (frame - 1) * seconds)
    return times


def test_gaps_are_filled_by_straight_lines() -> None:
    track = a_track(1, 2, 3, 5, 6)
    for o in track.observations:
        o.time = float(o.frame - 1)  # so slow that nothing is smoothed
    rows = to_rows(track, times_of(track, seconds=1.0))
    assert [row.frame for row in rows] == list(range(1, 7))
    assert [row.left for row in rows] == pytest.approx([2.0 * f for f in range(1, 7)])
    assert {row.track for row in rows} == {7}
    assert [row.visibility for row in rows] == [1.0] * 3 + [0.0] + [1.0] * 2


def test_gaps_are_filled_in_time_where_frames_are_not_evenly_spaced() -> None:
    """Frames 2 and 3 come late: somebody who walks evenly has not walked a third of the way at frame 2."""
    seconds = {1: 0.0, 2: 1.2, 3: 1.5, 4: 1.8}
    track, times = a_track(1, 4), FrameTimes()
    for frame, time in seconds.items():
        times.add(frame, time)
    for o in track.observations:
        o.time = seconds[o.frame]
        o.box = np.array([100 * o.time, 50, 100 * o.time + 20, 100])
    rows = to_rows(track, times)
    assert [row.left for row in rows] == pytest.approx([100 * time for time in seconds.values()])


def test_long_gaps_stay_open() -> None:
    last = 3 + int(MAX_FILLED_GAP * RATE) + 1
    track = a_track(1, 2, 3, last, last + 1)
    rows = to_rows(track, times_of(track))
    assert [row.frame for row in rows] == [1, 2, 3, last, last + 1]


def test_every_other_frame() -> None:
    track = a_track(1, 3, 9)
    assert [row.frame for row in to_rows(track, times_of(track), every=2)] == [1, 3, 5, 7, 9]


def test_smoothing_does_not_reach_over_a_pause() -> None:
    """Two seconds of frames, 1.9 s nothing, two seconds: the standing places on either side stay apart."""
    seconds = np.concatenate([np.arange(20) / RATE, 3.8 + np.arange(20) / RATE])
    boxes = np.array([[0.0, 0, 20, 50]] * 20 + [[60.0, 0, 80, 50]] * 20)
    assert np.abs(smoothed(boxes, seconds, 0.2) - boxes).max() < 1e-6
    assert np.abs(smoothed(boxes, np.arange(40) / RATE, 0.2) - boxes).max() > 5, "without the pause"


def test_smoothing_by_times_agrees_with_evenly_spaced_frames() -> None:
    rng = np.random.default_rng(0)
    boxes = rng.normal(0, 5, (60, 4)).cumsum(axis=0)
    seconds = np.arange(60) / 25
    uneven = np.append(seconds, seconds[-1] + 5.0)
    got = smoothed(np.vstack([boxes, boxes[-1:]]), uneven, 0.2)[:60]
    np.testing.assert_allclose(got[21:39], smoothed(boxes, seconds, 0.2)[21:39], atol=0.02)


def test_frame_times_are_forgotten() -> None:
    times = FrameTimes()
    for frame in range(1, 25_001):
        times.add(frame, frame / 4)
    times.forget(12_000)
    assert times.at(np.array([12_000, 12_001])).tolist() == [3000.0, 3000.25]
    assert times.at(np.array([20_000, 25_000])).tolist() == [5000.0, 6250.0]


def test_first_boxes_do_not_come_from_before_a_pause() -> None:
    """Case 05: an unassigned box, ten minutes of nothing, and a new track at the same place."""
    for pause, wanted in ((0.1, [1, 2, 3, 4]), (600.0, [2, 3, 4])):
        builder = TrackBuilder(RATE, Colours())
        done: list[Track] = []
        for frame in range(1, 5):
            o = observation(frame, 100.0)
            o.time = 0.0 if frame == 1 else pause + (frame - 2) / RATE
            numbers = np.array([-1 if frame == 1 else 0])
            done += builder.update(Frame(frame, o.time, IMAGE), [o], numbers)
        (track,) = [*done, *builder.close()]
        assert frames_of(track) == wanted


def test_a_number_that_goes_on_over_a_pause_is_another_track() -> None:
    builder = TrackBuilder(RATE, Colours())
    done: list[Track] = []
    for frame in range(1, 41):
        o = observation(frame, 100.0)
        o.time += 600.0 if frame > 20 else 0.0
        done += builder.update(Frame(frame, o.time, IMAGE), [o], np.zeros(1, np.int64))
    done += builder.close()
    assert [frames_of(track) for track in done] == [list(range(1, 21)), list(range(21, 41))]


def test_a_track_that_changes_its_person_is_cut_there() -> None:
    """The associator gives one number to two people in turn, as it does where they meet."""
    store = Colours()
    builder = TrackBuilder(RATE, store)
    for frame in range(1, 61):
        o = observation(frame, 2.0 * frame, person=0 if frame < 30 else 1)
        assert not list(builder.update(Frame(frame, o.time, IMAGE), [o], np.zeros(1, np.int64)))
    pieces = {track.number: frames_of(track) for track in builder.close()}
    assert pieces == {0: list(range(1, 30)), 1: list(range(30, 61))}
    assert store.split_off == [(0, 1, list(range(30, 61)))]


def test_a_moment_in_other_colours_is_no_other_person() -> None:
    """Somebody passes in front for a second; or is seen badly for a second."""
    for frames, visible in ((range(30, 40), 1.0), (range(20, 50), 0.2)):
        builder = TrackBuilder(RATE, Colours())
        for frame in range(1, 61):
            o = observation(frame, 2.0 * frame, person=1 if frame in frames else 0)
            o.quality["visible"] = visible if frame in frames else 1.0
            list(builder.update(Frame(frame, o.time, IMAGE), [o], np.zeros(1, np.int64)))
        assert [frames_of(track) for track in builder.close()] == [list(range(1, 61))]


def test_a_live_track_is_cut_while_it_goes_on() -> None:
    """As soon as what follows cannot change it any more; the rest is cut like any track."""
    store = Colours()
    builder = TrackBuilder(RATE, store, at_once=True)
    came: dict[int, tuple[int, list[int]]] = {}
    for frame in range(1, 301):
        o = observation(frame, 0.5 * frame, person=0 if frame < 100 else 1 if frame < 200 else 2)
        for track in builder.update(Frame(frame, o.time, IMAGE), [o], np.zeros(1, np.int64)):
            came[track.number] = frame, frames_of(track)
    assert came.keys() == {0, 1}
    for number, begin, end in ((0, 1, 100), (1, 100, 200)):
        when, frames = came[number]
        assert frames == list(range(begin, end))
        assert 38 <= when - end <= 38 + 11, "3.8 s, and at most a second until the next look"
    assert [frames_of(track) for track in builder.close()] == [list(range(200, 301))]
    assert [later for _, later, _ in store.split_off] == [1, 2]


@pytest.mark.parametrize("seed", range(12))
def test_a_live_track_is_cut_where_it_would_be_at_its_end(seed: int) -> None:
    """Whoever it follows in turn, for 2 to 15 s each, with half a second of somebody else now and then."""
    rng = np.random.default_rng(seed)
    people: list[int] = []
    while len(people) < 1000:
        people += [int(rng.integers(4))] * int(rng.integers(20, 150))
        people += [5] * int(rng.integers(2) * 5)
    looks = [look(person) + rng.normal(0, 0.02, 128).astype(np.float32) for person in people]
    pieces = []
    for at_once in (False, True):
        builder, done = TrackBuilder(RATE, Colours(), at_once=at_once), list[Track]()
        for frame, colours in enumerate(looks, start=1):
            o = observation(frame, 0.1 * frame)
            o.colours = colours
            done += builder.update(Frame(frame, o.time, IMAGE), [o], np.zeros(1, np.int64))
        assert len(done) > (2 if at_once else -1)
        pieces.append([frames_of(track) for track in [*done, *builder.close()]])
    assert sorted(pieces[0]) == sorted(pieces[1])


def test_smoothing_takes_jitter_away() -> None:
    rng = np.random.default_rng(0)
    track = a_track(*range(1, 60))
    true = np.stack([o.box for o in track.observations])
    for o in track.observations:
        o.box = o.box + rng.normal(0, 3, 4)
    rows = to_rows(track, times_of(track))
    smooth = np.array([(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows])
    raw = np.stack([o.box for o in track.observations])
    shared = [np.diag(overlaps(boxes, true)).mean() for boxes in (smooth, raw)]
    assert shared[0] > shared[1] + 0.03


def test_a_network_cuts_where_colours_see_nothing() -> None:
    """Two people in the same clothes: one leaves as the other comes, 0.2 s later."""

    class Encoder:
        name = "by frame"

        def __call__(self, crops: Sequence[Path]) -> np.ndarray:
            return np.eye(4, dtype=np.float32)[[int(int(crop.stem) > 60) for crop in crops]]

    frames = {f: [observation(f, 100 + 0.5 * f)] for f in [*range(1, 61), *range(63, 121)]}
    whole, _ = follow(frames)
    assert [frames_of(track)[0] for track in whole] == [1]
    done, store = follow(frames, changes=NetworkChanges(Encoder()))
    assert sorted((frames_of(track)[0], frames_of(track)[-1]) for track in done) == [(1, 60), (63, 120)]
    ((_, later, moved),) = store.split_off
    assert moved == list(range(63, 121))
    assert later in {track.number for track in done}


def pan(frame: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """A wall of patches seen by a camera that swings by 200 pixels a second and shakes, at 10 frames a second."""
    import cv2

    rng = np.random.default_rng(0)
    wall = cv2.resize(rng.integers(0, 255, (40, 200, 3), np.uint8), None, fx=8, fy=8, interpolation=1)
    left = round(swing(frame))
    return np.ascontiguousarray(wall[: size[0], left : left + size[1]])


def swing(frame: int) -> float:
    return 400 + 150 * np.sin(frame / 7.5) + 12 * np.sin(2.1 * frame)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_boxes_of_a_camera_that_swings_are_those_of_one_that_stands(tracker: str) -> None:
    """A person who stands and one who walks, 20 pixels wide; the picture moves by up to 40 pixels a frame."""
    pytest.importorskip("trackers")
    pytest.importorskip("cv2")
    numbers: dict[bool, list[set[int]]] = {}
    for moving in (False, True):
        associator = Associator(tracker, RATE, moving=moving)
        seen: list[set[int]] = [set(), set()]
        for frame in range(60):
            lefts = np.array([560.0, 480.0 + 1.5 * frame]) - swing(frame)
            boxes = np.stack([lefts, [50, 120], lefts + 20, [100, 170]], axis=1).astype(np.float32)
            found = Detections(boxes, np.full(2, 0.9, np.float32))
            for who, number in zip(seen, associator.update(frame / RATE, found, pan(frame)), strict=True):
                who.update({int(number)} - {-1})
        numbers[moving] = seen
    assert [len(ids) for ids in numbers[True]] == [1, 1]
    assert not numbers[True][0] & numbers[True][1]
    assert max(len(ids) for ids in numbers[False]) > 1, "the swing is too fast to be followed without"


def test_camera_motion_brings_boxes_back_to_the_first_frame() -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("trackers")
    camera = CameraMotion()
    for frame in range(40):
        boxes = np.array([[560.0, 50, 580, 100]]) - [swing(frame), 0, swing(frame), 0]
        back = camera.undo(pan(frame), boxes)
        assert back[0] == pytest.approx([160, 50, 180, 100], abs=4)


def test_somebody_who_stays_is_one_track_after_another_with_bounded_memory() -> None:
    stays = {frame: [observation(frame, 100 + frame % 3)] for frame in range(1, 1201)}
    (whole,), store = follow(stays, until=1200)
    assert store.most >= 1190, "without a limit, all of it is held"
    parts, store = follow(stays, until=1200, longest=20.0)
    assert store.most <= 20 * RATE + 2
    assert len(parts) == 6
    assert len({part.number for part in parts}) == 6
    assert [o.frame for part in parts for o in part.observations] == [o.frame for o in whole.observations]
    assert store.joined == []
