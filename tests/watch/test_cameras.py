"""Sources that are followed for ever, frames that are left out, and processes that die."""

import itertools
import os
import queue
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rtsp import USER, rtsp_camera
from stca.footage.frames import Frame
from stca.footage.images import read_image, write_jpeg
from stca.tracks import find_tracklets
from stca.watch.cameras.following import LiveFolder, LiveJob
from stca.watch.cameras.messages import CameraState, Dropped, Finished, Grew, Message
from stca.watch.cameras.process import CameraProcess, Heard, is_closed
from stca.watch.cameras.source import LiveSource
from stca.watch.recovery import recover
from stca.watch.settings import CameraSettings
from street import Walker, write_street

av = pytest.importorskip("av")
pytest.importorskip("trackers")

WALKER = Walker((190, 40, 50), 30, 200, 4.0, first=2)


def test_an_address_is_called_for_ever(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "camera.ts"), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
        for shade in range(0, 250, 10):
            image = np.full((64, 64, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    states: list[CameraState] = []
    stop = threading.Event()
    late = threading.Timer(30, stop.set)
    late.start()
    with rtsp_camera((tmp_path / "camera.ts").read_bytes(), seconds=0.3) as address:
        place = address.replace("://", f"://{USER}@")
        live = LiveSource(CameraSettings("door", place), tmp_path, states.append, stop)
        source = live.source()
        assert source.name == address, "without the password"
        frames = []
        for frame in source.frames():
            frames.append(frame)
            if sum(state.state == "playing" for state in states) == 3:
                stop.set()
    late.cancel()
    words = [state.state for state in states]
    assert words[-5:] == ["playing", "lost", "playing", "lost", "playing"]
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert all(a.time < b.time for a, b in itertools.pairwise(frames))
    assert live.taken >= len(frames)


def test_a_camera_that_was_never_there_is_called_again_and_longer_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stca.watch.cameras.source.FIRST_WAIT", 0.01)
    states: list[CameraState] = []
    stop = threading.Event()

    def note(state: CameraState) -> None:
        states.append(state)
        if len(states) == 5:
            stop.set()

    live = LiveSource(CameraSettings("door", "rtsp://127.0.0.1:9/none"), tmp_path, note, stop)
    assert list(live.source().frames()) == []
    lost = [state for state in states if state.state == "lost"]
    assert [state.again_in for state in lost] == [0.01, 0.02, 0.04, 0.08]
    assert all("refused" in state.why for state in lost)


def test_a_folder_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stca.watch.cameras.source._AGE", 0.0)
    monkeypatch.setattr("stca.watch.cameras.source._POLL", 0.02)
    place, own = tmp_path / "ftp", tmp_path / "own"
    place.mkdir()

    def add(number: int) -> None:
        write_jpeg(place / f"snap{number}.jpg", np.full((40, 30, 3), 10 * number, np.uint8))

    def run(wanted: int) -> list[int]:
        stop = threading.Event()
        late = threading.Timer(20, stop.set)
        late.start()
        live = LiveSource(CameraSettings("ftp", str(place)), own, lambda _: None, stop)
        shades = []
        for frame in live.source().frames():
            shades.append(round(float(frame.image.mean()), -1) // 10)
            if len(shades) == wanted:
                stop.set()
        late.cancel()
        return shades

    add(1)
    timer = threading.Timer(0.3, lambda: [add(number) for number in (2, 9, 10)])
    timer.start()
    assert run(3) == [2, 9, 10], "what was there before is not taken"
    timer.join()
    add(11)
    assert run(1) == [11], "another process goes on behind the last one"


def test_frames_that_are_left_out_of_a_folders_videos_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveSource(CameraSettings("ftp", str(tmp_path)), tmp_path / "own", lambda _: None)
    given = [Frame(number, 0.1 * number, np.zeros((40, 30, 3), np.uint8)) for number in (1, 4, 5)]
    file = SimpleNamespace(frames=lambda: iter(given))
    monkeypatch.setattr("stca.watch.cameras.source.open_source", lambda *_, **__: file)
    monkeypatch.setattr(live, "_new_files", lambda: iter([Path("a.avi"), Path("b.avi")]))
    monkeypatch.setattr(live, "_paced", lambda frames, before: frames)
    assert [frame.number for frame in live.source().frames()] == [1, 4, 5, 6, 9, 10]


@pytest.mark.parametrize("every", [1, 2, 10])
@pytest.mark.parametrize("before", [0, 3])
def test_where_decoding_is_late_what_is_given_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, before: int
) -> None:
    """At 25 frames a second, of which 8 are decoded; a clock that nobody waits for."""
    now = [100.0]
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("stca.watch.cameras.source.time", SimpleNamespace(monotonic=lambda: now[0]))
    camera = CameraSettings("door", "door.avi", every=every)
    live = LiveSource(camera, tmp_path, lambda _: None, stop)

    def decoded():
        for number in range(1, 801):
            now[0] += 0.125
            yield Frame(number, (number - 1) / 25, np.zeros((1, 1, 3), np.uint8))

    looked_at = [
        now[0] for frame in live._paced(decoded(), before) if (before + frame.number - 1) % every == 0
    ]
    gaps = np.diff(looked_at)
    assert gaps.max() <= 0.5 + every * 0.125, "as often as when every frame is looked at, or every such frame"
    late = looked_at[len(looked_at) // 2 :]
    assert min(np.diff(late)) >= 0.5, "and no more often"


@pytest.mark.parametrize("every", [1, 2])
def test_a_file_keeps_real_time_whatever_frames_are_looked_at(tmp_path: Path, every: int) -> None:
    write_street(tmp_path / "door.avi", [Walker((190, 40, 50), 30, 200, 4.0, first=5, last=40)], 50)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:colours", every=every)
    told: list[Message] = []
    live = LiveSource(camera, tmp_path / "own", told.append)
    folder = LiveFolder(tmp_path / "tracks" / "door", {}, told.append)
    job = LiveJob(live, camera, folder, told.append)
    seen: list[tuple[int, float, float]] = []
    count = job._count
    job._count = lambda frame: (  # type: ignore[method-assign]
        seen.append((frame.number, frame.time, time.monotonic())),
        count(frame),
    )[1]
    list(job.run(show=False))
    folder.close()
    assert live.taken == 50
    assert {(number - 1) % every for number, _, _ in seen} == {0}
    rate = (seen[-1][0] - 1) / seen[-1][1]
    assert [at for _, at, _ in seen] == pytest.approx([(number - 1) / rate for number, _, _ in seen])
    assert live.begin is not None
    assert all(when >= live.begin + at - 0.01 for _, at, when in seen), "nobody is seen before they come"
    (track,) = find_tracklets(tmp_path / "tracks")
    (finished,) = [each for each in told if isinstance(each, Finished)]
    for moment, number in (
        (finished.first, track.record.frames[0]),
        (finished.last, track.record.frames[-1]),
    ):
        assert moment == pytest.approx(live.begin + (number.frame - 1) / rate, abs=0.01)


def test_when_it_is_too_much_frames_are_left_out_evenly_and_counted(tmp_path: Path) -> None:
    write_street(tmp_path / "door.avi", [WALKER], 60)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:waiting")
    told: list[Message] = []
    live = LiveSource(camera, tmp_path / "own", told.append)
    folder = LiveFolder(tmp_path / "own", {}, told.append)
    job = LiveJob(live, camera, folder, told.append)
    numbers: list[int] = []
    count = job._count
    job._count = lambda frame: (numbers.append(frame.number), count(frame))[1]  # type: ignore[method-assign]
    list(job.run(show=False))
    folder.close()
    gaps = np.diff(numbers)
    assert live.taken == 60
    assert numbers[-1] == 60
    assert job._dropped == 60 - len(numbers) > 15
    behind = gaps[8:]  # until then the queue fills
    assert behind[:-8].max() <= 2 * np.median(behind[:-8]), behind  # a busy machine wakes late now and then


def test_who_comes_in_on_the_track_of_another_is_told_while_they_walk(tmp_path: Path) -> None:
    """As where two people meet: the boxes go on, the person is another one."""
    first = Walker((190, 40, 50), 30, 200, 2.0, first=2, last=40)
    second = Walker((40, 60, 190), 108, 200, 2.0, first=41)
    write_street(tmp_path / "door.avi", [first, second], 110)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:colours")
    told: list[Message] = []
    folder = LiveFolder(tmp_path / "tracks" / "door", {}, told.append)
    list(
        LiveJob(LiveSource(camera, tmp_path / "own", told.append), camera, folder, told.append).run(
            show=False
        )
    )
    folder.close()
    ends = [(each.track, type(each)) for each in told if isinstance(each, Grew | Finished)]
    assert (
        ends.index((0, Grew)) < ends.index((0, Finished)) < ends.index((1, Grew)) < ends.index((1, Finished))
    )
    grew = next(each for each in told if isinstance(each, Grew) and each.track == 1)
    assert 3.5 < grew.last - grew.first < 5.5, "3.8 s, and up to a second until the next look"
    assert all("/0001/" in crop for crop in grew.crops)
    frames = {each.key: [f.frame for f in each.record.frames] for each in find_tracklets(tmp_path / "tracks")}
    assert frames == {"door/0000": list(range(2, 41)), "door/0001": list(range(41, 111))}


@pytest.mark.parametrize("red_is_seen_from", [1, 2, 10_000])
def test_who_is_no_person_is_neither_told_nor_kept(tmp_path: Path, red_is_seen_from: int) -> None:
    """A red one, who is taken for a person from some look on, and a blue one, who always is."""
    walkers = [Walker((190, 40, 50), 30, 100, 2.0, first=2), Walker((40, 60, 190), 30, 200, 2.0, first=2)]
    write_street(tmp_path / "door.avi", walkers, 60)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:colours")
    told: list[Message] = []
    folder = LiveFolder(tmp_path / "tracks" / "door", {}, told.append)
    job = LiveJob(LiveSource(camera, tmp_path / "own", told.append), camera, folder, told.append)
    asked: list[int] = []

    def is_person(crops: list[Path], looks: int) -> bool:
        red, _, blue = read_image(crops[0])[20:30].mean(axis=(0, 1))
        if red > blue:
            asked.append(looks)
        return bool(red < blue or len(asked) >= red_is_seen_from)

    job._confirmation = SimpleNamespace(is_person=is_person)  # type: ignore[assignment]
    list(job.run(show=False))
    folder.close()
    grown = {each.track for each in told if isinstance(each, Grew)}
    finished = {each.track for each in told if isinstance(each, Finished)}
    kept = {each.record.track for each in find_tracklets(tmp_path / "tracks") if each.record}
    assert grown == finished == kept
    assert len(kept) == (1 if red_is_seen_from > 2 else 2)
    if red_is_seen_from == 1:
        assert len(asked) == 1, "who was told stays"
    else:
        assert 2 <= len(asked) <= 6, "whenever the crops have doubled, and at the end"
    assert set(asked[:-1]) <= {2}


def test_who_comes_in_on_what_is_no_person_is_told_alone(tmp_path: Path) -> None:
    """Light on a wall, red, becomes somebody blue: one track until the change is seen."""
    red, blue = (
        Walker((190, 40, 50), 30, 200, 2.0, first=2, last=40),
        Walker((40, 60, 190), 108, 200, 2.0, first=41),
    )
    write_street(tmp_path / "door.avi", [red, blue], 110)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:colours")
    told: list[Message] = []
    folder = LiveFolder(tmp_path / "tracks" / "door", {}, told.append)
    job = LiveJob(LiveSource(camera, tmp_path / "own", told.append), camera, folder, told.append)

    def is_person(crops: list[Path], looks: int) -> bool:
        colours = [read_image(crop)[20:30].mean(axis=(0, 1)) for crop in crops]
        return any(each[2] > each[0] for each in colours)

    job._confirmation = SimpleNamespace(is_person=is_person)  # type: ignore[assignment]
    list(job.run(show=False))
    folder.close()
    (kept,) = find_tracklets(tmp_path / "tracks")
    assert kept.record
    assert kept.record.frames[0].frame == 41
    finished = {each.track for each in told if isinstance(each, Finished)}
    withdrawn = {each.track for each in told if isinstance(each, Dropped)}
    grown = {each.track for each in told if isinstance(each, Grew)}
    assert finished == {kept.record.track}
    assert grown <= finished | withdrawn


@pytest.mark.parametrize("first", [0, 40])
def test_numbers_begin_where_they_are_told_to(tmp_path: Path, first: int) -> None:
    for run in range(2):
        folder = LiveFolder(tmp_path / "door", {}, lambda _: None, first)
        point = folder.begin(keep=True)
        assert point.number == first + run
        (folder.path / f"{point.number:04d}").mkdir()
        folder.close()


def test_a_camera_without_a_detector_has_motion_that_is_confirmed(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the network that confirms is an ONNX file")
    write_street(tmp_path / "door.avi", [WALKER], 10)
    for detector, confirmed in (("auto", True), ("motion", False)):
        camera = CameraSettings("door", str(tmp_path / "door.avi"), detector=detector)
        folder = LiveFolder(tmp_path / detector, {}, lambda _: None)
        job = LiveJob(LiveSource(camera, tmp_path / "own", print), camera, folder, print)
        folder.close()
        assert (job._options.detector, job._confirmation is not None) == ("motion", confirmed)
    assert CameraSettings("door", "door.avi").detector == "auto"


def hear(heard: queue.Queue[Heard], wanted: type, seconds: float = 60.0) -> list[Message]:
    found: list[Message] = []
    end = time.monotonic() + seconds
    while not found or not isinstance(found[-1], wanted):
        found.append(heard.get(timeout=max(0.1, end - time.monotonic()))[1])
    return found


def test_a_process_that_is_killed_leaves_what_was_told(tmp_path: Path) -> None:
    write_street(tmp_path / "door.avi", [WALKER], 75)
    camera = CameraSettings("door", str(tmp_path / "door.avi"), detector="street:colours")
    heard: queue.Queue[Heard] = queue.Queue()
    process = CameraProcess(camera, tmp_path / "tracks" / "door", heard)
    process.start()
    try:
        grew = hear(heard, Grew)[-1]
        assert isinstance(grew, Grew)
        assert grew.usable >= 4
        assert all(Path(crop).is_file() for crop in grew.crops)
        os.kill(process.pid or 0, signal.SIGKILL)
        while not is_closed(heard.get(timeout=30)[1]):
            pass
        process.ended()
        assert process.state.state == "failed"
        (folder,) = recover(process.place, "door")
        (found,) = find_tracklets(tmp_path / "tracks")
        assert (found.key, found.folder) == ("door/0000", folder)
        assert len(found.frames) >= 4
        assert recover(process.place, "door") == []
        while not process.start_again_if_due():
            time.sleep(0.05)
        finished = [each for each in hear(heard, Finished) if isinstance(each, Finished)]
        assert finished[0].track == 1, "numbers go on"
    finally:
        process.kill()
    assert len(find_tracklets(tmp_path / "tracks")) == 2
