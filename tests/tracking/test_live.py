"""Cameras: what was recorded cannot be recorded again, so nothing that is finished may ever go."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stca import track_video
from stca.boxes import read_mot
from stca.cli import main
from stca.errors import ConfigError
from stca.footage.images import RGB
from stca.footage.sources import Frame, Source
from stca.tracking import TrackOptions, write_tracks
from stca.tracks import find_tracklets
from street import HEIGHT, WIDTH, Walker, finish, render

av = pytest.importorskip("av")
pytest.importorskip("trackers")

WALKERS = [
    Walker((190, 40, 50), 30, 200, 4.0, first=2, last=25),
    Walker((40, 60, 190), 290, 120, -4.0, first=30, last=55),
    Walker((30, 160, 60), 30, 230, 4.0, first=60, last=120),
]
COLOURS = TrackOptions(detector="street:colours", camera="door")
ADDRESS = "rtsp://me:secret@camera/1"


@pytest.fixture(scope="module")
def pictures() -> list[RGB]:
    return [render(WALKERS, frame) for frame in range(1, 121)]


@pytest.fixture
def camera(pictures: list[RGB], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every address is a camera, of ten pictures a second of its own time, which come much faster here."""

    def frames() -> Iterator[Frame]:
        for number, image in enumerate(pictures, start=1):
            time.sleep(0.008)  # a camera does not wait for who is slower
            yield Frame(number, (number - 1) / 10, image)

    source = Source("rtsp://camera/1", "camera_1", 10.0, None, live=True, identity=(), frames=frames)
    monkeypatch.setattr("stca.tracking.track.open_source", lambda *_, **__: source)


def interrupt(running: Generator) -> None:
    try:
        running.throw(KeyboardInterrupt)
        finish(running)
    except StopIteration:
        pass


def contents(folder: Path) -> dict[str, bytes]:
    return {
        f"{track.name}/{path.name}": path.read_bytes()
        for track in folder.iterdir()
        if track.name.isdecimal()
        for path in track.iterdir()
    }


@pytest.mark.usefixtures("camera")
def test_a_recording(tmp_path: Path) -> None:
    before = time.time()
    summary = finish(write_tracks(ADDRESS, tmp_path, COLOURS))
    assert (summary.camera, summary.tracks, summary.tracklets) == ("door", 3, 3)
    for tracklet in find_tracklets(tmp_path):
        assert before - 0.1 < tracklet.record.start < time.time(), "when it began is known"
        first = tracklet.record.frames[0]
        assert tracklet.record.first == pytest.approx(
            tracklet.record.start + (first.frame - 1) / 10, abs=0.01
        )
    with pytest.raises(ConfigError, match="already a finished recording"):
        finish(write_tracks(ADDRESS, tmp_path, COLOURS))
    assert len(find_tracklets(tmp_path)) == 3


@pytest.mark.usefixtures("camera")
def test_a_start_that_was_given(tmp_path: Path) -> None:
    options = TrackOptions(detector="street:colours", start=1.7e9)
    finish(write_tracks(ADDRESS, tmp_path, options))
    assert {tracklet.record.start for tracklet in find_tracklets(tmp_path)} == {1.7e9}


@pytest.mark.usefixtures("camera")
def test_a_start_that_was_given_is_that_of_the_first_recording(tmp_path: Path) -> None:
    options = TrackOptions(detector="street:colours", start=1.7e9)
    running = write_tracks(ADDRESS, tmp_path, options)
    next(running)
    running.close()
    finish(write_tracks(ADDRESS, tmp_path, options))
    starts = [tracklet.record.start for tracklet in find_tracklets(tmp_path)]
    assert starts[0] == 1.7e9
    assert min(starts[1:]) > time.time() - 60


@pytest.mark.usefixtures("camera")
def test_left_and_called_again(tmp_path: Path) -> None:
    running = track_video(ADDRESS, detector="street:colours", camera="door", out=tmp_path)
    next(running)
    running.close()  # a `break` out of the loop
    folder = tmp_path / "door"
    assert json.loads((folder / "video.json").read_text())["finished"] is False
    kept, rows = contents(folder), (folder / "tracks.txt").read_bytes()
    assert kept
    assert rows
    with (folder / "tracks.txt").open("ab") as file:
        file.write(b"9,9,1.")  # as a full disk leaves it

    summary = finish(write_tracks(ADDRESS, tmp_path, COLOURS))
    assert summary.tracklets == 3, "of this run"
    assert kept.items() <= contents(folder).items()
    assert (folder / "tracks.txt").read_bytes().startswith(rows)
    file = read_mot(folder / "tracks.txt")
    assert not file.broken
    found = find_tracklets(tmp_path)
    assert len(found) == 4
    assert {row.track for row in file.rows} == {t.record.track for t in found}
    (first, *later) = found
    assert all(t.record.frames[0].frame > first.record.frames[-1].frame for t in later)
    assert len({(row.frame, row.track) for row in file.rows}) == len(file.rows)
    told = json.loads((folder / "video.json").read_text())
    assert (told["finished"], told["tracks"]) == (True, 4)


@pytest.mark.usefixtures("camera")
def test_a_camera_that_passes_for_a_video_today(
    tmp_path: Path, pictures: list[RGB], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an address does where the server suddenly tells a length."""
    running = write_tracks(ADDRESS, tmp_path, COLOURS)
    next(running)
    running.close()
    kept = contents(tmp_path / "door")
    frames = [Frame(n, (n - 1) / 10, image) for n, image in enumerate(pictures[:60], start=1)]
    video = Source(
        "rtsp://camera/1", "camera_1", 10.0, 60, live=False, identity=(), frames=lambda: iter(frames)
    )
    monkeypatch.setattr("stca.tracking.track.open_source", lambda *_, **__: video)
    finish(write_tracks(ADDRESS, tmp_path, COLOURS))
    assert kept.items() <= contents(tmp_path / "door").items()


@pytest.mark.usefixtures("camera")
def test_other_options_touch_nothing(tmp_path: Path) -> None:
    running = write_tracks(ADDRESS, tmp_path, COLOURS)
    next(running)
    running.close()
    kept = contents(tmp_path / "door")
    with pytest.raises(ConfigError, match="another detector"):
        finish(write_tracks(ADDRESS, tmp_path, TrackOptions(camera="door")))
    assert contents(tmp_path / "door") == kept


@pytest.mark.usefixtures("camera")
def test_ctrl_c_ends_it_in_good_order(tmp_path: Path) -> None:
    running = write_tracks(ADDRESS, tmp_path, COLOURS)
    next(running)
    with pytest.warns(UserWarning, match="everything recorded so far is kept"):
        interrupt(running)
    assert json.loads((tmp_path / "door" / "video.json").read_text())["finished"] is True
    assert find_tracklets(tmp_path)


@pytest.fixture
def server(pictures: list[RGB], tmp_path: Path) -> Iterator[str]:
    """A real camera by HTTP: an MPEG stream without a length, as fast as it is lived."""
    path = tmp_path / "stream.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"g": "5"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.bit_rate = 4_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            part = len(data) // 120 // 188 * 188
            try:
                for start in range(0, len(data), part):
                    self.wfile.write(data[start : start + part])
                    time.sleep(0.04)
                ended.wait(60)  # nobody is to be seen
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{served.server_port}/live.ts"
        ended.set()
        served.shutdown()


def until_a_tracklet_more(call: list[str], env: dict[str, str], folder: Path, how: int) -> str:
    """Record until there is one tracklet more than before, end the process by a signal; what it said."""
    before = len(list(folder.glob("[0-9]*")))
    process = subprocess.Popen(call, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("[0-9]*"))) <= before and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(how)
    return process.communicate(timeout=120)[1]


def test_a_real_process_that_is_killed_and_one_that_is_stopped(server: str, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "door"
    folders = [str(Path(__file__).parents[2] / "src"), str(Path(__file__).parents[1])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    # Tests that a shell runs in the background ignore interrupts, and what they start inherits that.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from stca.cli import main; sys.exit(main())"
    call = [sys.executable, "-c", code, "track", server]
    call += ["--out", str(folder.parent), "--detector", "street:colours", "--camera", "door"]
    kept: dict[str, bytes] = {}
    for how in (signal.SIGKILL, signal.SIGINT):
        said = until_a_tracklet_more(call, env, folder, how)
        assert "secret" not in said
        now = contents(folder)
        assert kept.items() <= now.items()
        assert len(now) > len(kept)
        kept = now
    assert "stopped; everything recorded so far is kept" in said
    told = json.loads((folder / "video.json").read_text())
    assert told["finished"] is True
    assert "secret" not in json.dumps(told)
    found = find_tracklets(folder.parent)
    assert {row.track for row in read_mot(folder / "tracks.txt").rows} >= {t.record.track for t in found}
    starts = [t.record.start for t in found]
    assert starts == sorted(starts)
    assert len(set(starts)) == 2, "two recordings, one behind the other"
    assert main([*call[3:]]) == 1, "finished: not touched again"
    assert contents(folder) == kept
