import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from rtsp import USER, rtsp_camera
from stca.errors import ConfigError, FrameError
from stca.footage.images import write_jpeg
from stca.footage.sources import Source, camera_name, open_source, read_stream
from stca.footage.video import read_video, without_password

av = pytest.importorskip("av")


def write_video(
    path: Path, shades: list[int], *, size: tuple[int, int] = (48, 64), codec: str = "mpeg4", rate: int = 5
) -> Path:
    """Frames that are grey all over, of these brightnesses."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for shade in shades:
            image = np.full((*size, 3), shade, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def shades(source: Source) -> list[int]:
    return [round(float(frame.image.mean()), -1) for frame in source.frames()]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("yard.264", "yard"),
        ("yard.265", "yard"),
        ("yard.mp4", "yard"),
        ("cam.1", "cam.1"),
        ("cam.1.mkv", "cam.1"),
    ],
)
def test_the_name_of_a_camera_is_that_of_its_file(place: str, name: str) -> None:
    assert camera_name(place) == name


def test_a_file(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "cam 1.mp4", [10, 50, 90, 130]))
    assert (source.name, source.camera, source.frame_rate) == ("cam 1.mp4", "cam 1", 5.0)
    assert (source.num_frames, source.live) == (4, False)
    frames = list(source.frames())
    assert [frame.number for frame in frames] == [1, 2, 3, 4]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert shades(source) == [10, 50, 90, 130], "a second time, from the beginning"
    assert frames[0].image.shape == (48, 64, 3)


def test_the_file_changes_its_identity(tmp_path: Path) -> None:
    first = open_source(write_video(tmp_path / "a.mp4", [10] * 3)).identity
    assert open_source(tmp_path / "a.mp4").identity == first
    assert open_source(write_video(tmp_path / "a.mp4", [10] * 9)).identity != first


def test_times_are_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for tick in (0, 1, 2, 12, 13):  # a hole of a second
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert [f.time for f in open_source(path).frames()] == pytest.approx([0, 0.1, 0.2, 1.2, 1.3], abs=0.01)
    told = open_source(path, frame_rate=2).frames()
    assert [f.time for f in told] == pytest.approx([0, 0.5, 1, 1.5, 2]), "unless another rate is told"


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-300, 1e308, float("inf"), float("nan")])
def test_no_frame_rate(tmp_path: Path, rate: float) -> None:
    with pytest.raises(ConfigError, match="frame rate"):
        open_source(tmp_path, frame_rate=rate)


def test_one_frame(tmp_path: Path) -> None:
    assert shades(open_source(write_video(tmp_path / "v.mp4", [60]))) == [60]


def test_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", [60] * 4, codec="mjpeg")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + 4])
    with pytest.raises(FrameError, match=r"No frame|Cannot open"):
        list(open_source(path).frames())


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_a_picture_that_is_cut_off_is_left_out_wherever_the_cut_is(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "v.avi", list(range(0, 200, 10)), codec=codec)
    whole = path.read_bytes()
    for size in range(len(whole) * 3 // 4, len(whole) - 400, 97):
        path.write_bytes(whole[:size])
        with pytest.warns(UserWarning, match="it ends early"):
            got = shades(open_source(path))
        assert got == list(range(0, 200, 10))[: len(got)], size
        strictly = []
        with contextlib.suppress(FrameError):  # none where the cut is between two packets
            strictly.extend(round(float(image.mean()), -1) for image in read_video(path))
        assert strictly == got


def test_a_file_that_ends_in_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", list(range(0, 200, 10)), codec="mjpeg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.warns(UserWarning, match=r"v.avi: it ends early.* of 20 frames that could be read are used"):
        got = shades(open_source(path))
    assert 5 < len(got) < 18
    assert got == list(range(0, 200, 10))[: len(got)]


def test_a_damaged_place_is_skipped(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", list(range(0, 200, 10)), codec="mjpeg")
    data = bytearray(path.read_bytes())
    places = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xd8"]
    data[places[7] : places[8] - 8] = bytes(
        places[8] - 8 - places[7]
    )  # frame 8, but not the next one's header
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="packets of it are damaged"):
        got = shades(open_source(path))
    assert got == [shade for shade in range(0, 200, 10) if shade != 70]


def test_a_file_that_changes_its_resolution(tmp_path: Path) -> None:
    small = write_video(tmp_path / "a.ts", [40] * 5, codec="mpeg2video", rate=25)
    large = write_video(tmp_path / "b.ts", [200] * 5, codec="mpeg2video", rate=25, size=(96, 128))
    both = tmp_path / "v.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.warns(UserWarning, match="from 64 x 48 to 128 x 96"):
        frames = list(open_source(both).frames())
    assert len(frames) >= 9, "FFmpeg loses the one that waits in the decoder when the size changes"
    assert [round(float(f.image.mean()), -1) for f in frames[::8]] == [40, 200]
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    times = [frame.time for frame in frames]
    assert all(a < b for a, b in itertools.pairwise(times)), "though the file's own begin again"


def test_a_folder_of_images(tmp_path: Path) -> None:
    for number, shade in ((1, 30), (2, 60), (10, 90)):
        write_jpeg(tmp_path / "cam" / f"{number}.jpg", np.full((16, 8, 3), shade, np.uint8))
    (tmp_path / "cam" / "notes.txt").write_text("")
    source = open_source(tmp_path / "cam", frame_rate=10)
    assert (source.name, source.camera, source.num_frames) == ("cam", "cam", 3)
    assert shades(source) == [30, 60, 90]
    assert [frame.time for frame in source.frames()] == pytest.approx([0, 0.1, 0.2])


def test_a_folder_with_bad_and_larger_images(tmp_path: Path) -> None:
    for number in (1, 3):
        write_jpeg(tmp_path / f"{number}.jpg", np.full((16 * number, 8 * number, 3), 90, np.uint8))
    (tmp_path / "2.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="read|size") as told:
        frames = list(open_source(tmp_path).frames())
    assert [frame.number for frame in frames] == [1, 3], "image k is frame k"
    assert {frame.image.shape for frame in frames} == {(16, 8, 3)}
    assert any("1 images cannot be read" in str(w.message) for w in told)
    assert any("from 8 x 16 to 24 x 48" in str(w.message) for w in told)


def test_folders_without_frames(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="No images"):
        open_source(tmp_path)
    (tmp_path / "1.jpg").write_bytes(b"no image")
    with pytest.raises(FrameError, match="Cannot read a frame"):
        list(open_source(tmp_path).frames())


class Camera:
    """An opener that gives what it is told: a number is so many frames, then a drop; None is no answer."""

    def __init__(self, *plan: int | None) -> None:
        self.plan, self.now, self.waits = list(plan), 100.0, []

    def connect(self, address: str) -> Iterator[np.ndarray]:
        count = self.plan.pop(0) if self.plan else None
        if count is None:
            raise FrameError("Cannot open a video", found="no answer")
        for _ in range(count):
            self.now += 0.1
            yield np.zeros((4, 2, 3), np.uint8)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def read(self, patience: float = 60.0) -> Iterator:
        return read_stream(
            "rtsp://me:secret@cam/1",
            patience=patience,
            connect=self.connect,
            sleep=self.sleep,
            clock=lambda: self.now,
        )


def test_a_camera_that_drops_for_ten_seconds() -> None:
    camera = Camera(3, None, None, None, None, 2)
    with pytest.warns(UserWarning, match="lost after frame 3") as told:
        frames = list(itertools.islice(camera.read(), 5))
    assert [frame.number for frame in frames] == [1, 2, 3, 4, 5]
    assert camera.waits == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert frames[3].time == pytest.approx(0.2 + sum(camera.waits) + 0.1), "times go on as they passed"
    assert not any("secret" in str(w.message) for w in told)


def test_a_camera_that_stays_away() -> None:
    camera = Camera(3)
    with pytest.warns(UserWarning, match="its frames end here"):
        assert len(list(camera.read(patience=60))) == 3
    assert 40 < sum(camera.waits) <= 60
    assert max(camera.waits) == 15


def test_pauses_are_short_again_after_a_good_time() -> None:
    camera = Camera(1, None, None, 1, 1)
    with pytest.warns(UserWarning, match="lost"):
        assert len(list(itertools.islice(camera.read(), 3))) == 3
    assert camera.waits == [0.5, 1.0, 2.0, 0.5]


def test_a_camera_that_never_answers() -> None:
    with pytest.raises(FrameError, match="Cannot open"):
        list(Camera(None).read())
    with pytest.raises(FrameError, match="gives no frames"):
        list(Camera(0).read())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A camera by HTTP: an MPEG stream without a length, which ends after some frames, twice; then nothing."""
    stream = write_video(
        tmp_path / "v.ts", [60, 200] * 100, codec="mpeg2video", rate=25, size=(288, 384)
    ).read_bytes()
    calls = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if next(calls) > 1:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            self.wfile.write(stream)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://user:secret@127.0.0.1:{served.server_port}/live.ts"
        served.shutdown()


def test_what_a_camera_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.b" / "img1").mkdir(parents=True)
    assert camera_name(tmp_path / "a.b") == camera_name(tmp_path / "a.b" / "img1") == "a.b"
    assert camera_name("film.of.today.mp4") == "film.of.today"
    assert [camera_name(f"cam.{number}") for number in (1, 2)] == ["cam.1", "cam.2"]
    assert camera_name("rtsp://me:se@cret@10.0.0.1:554/h264?channel=1") == "10.0.0.1_554_h264_channel_1"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:se@cret@cam:554/1", "rtsp://cam:554/1"),
        ("rtsp://user:top/secret@cam/1", "rtsp://cam/1"),
        ("http://cam/live?apikey=1&api_key=2&auth=3&secret=4&key=5&monkey=6", "http://cam/live?monkey=6"),
        ("http://cam/video.cgi?user=me&pwd=secret&channel=2", "http://cam/video.cgi?channel=2"),
        ("http://cam/video.cgi?channel=2&Password=secret", "http://cam/video.cgi?channel=2"),
        ("http://cam/video.cgi?loginuse=x&token=secret", "http://cam/video.cgi?loginuse=x"),
        ("rtsp://cam/user=me&password=secret&channel=1.sdp?real", "rtsp://cam/channel=1.sdp?real"),
        ("a/user=1&b@c.mp4", "a/user=1&b@c.mp4"),
    ],
)
def test_an_address_as_it_is_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


def test_a_video_at_an_address_that_ends_early(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", list(range(0, 200, 10)), codec="mjpeg")
    data = path.read_bytes()[: path.stat().st_size * 3 // 4]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        source = open_source(f"http://me:secret@127.0.0.1:{served.server_port}/v.avi")
        with pytest.warns(UserWarning, match="ends early") as told:
            frames = list(source.frames())
        served.shutdown()
    assert not source.live
    assert 5 < len(frames) < 18
    assert not any("secret" in str(w.message) for w in told)


def test_a_real_stream_that_drops(server: str) -> None:
    source = open_source(server, patience=1.0)
    assert source.live
    assert "secret" not in source.name
    assert "secret" not in source.camera
    with pytest.warns(UserWarning, match="stream|live|frames") as told:
        frames = list(source.frames())
    assert 380 <= len(frames) <= 400
    assert any("called again" in str(w.message) for w in told)
    assert any("frames end here" in str(w.message) for w in told)


def test_a_camera_by_rtsp_that_drops(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", [60, 200] * 25, codec="mpeg2video", rate=25, size=(288, 384))
    with rtsp_camera(path.read_bytes(), seconds=1.0) as address:
        with pytest.raises(FrameError, match="Cannot open"):
            open_source(address)  # without the password
        source = open_source(address.replace("//", f"//{USER}@"))
        assert source.live
        assert source.name == address
        with pytest.warns(UserWarning, match="called again") as told:
            frames = list(itertools.islice(source.frames(), 70))
    assert [frame.number for frame in frames] == list(range(1, 71)), "of two calls"
    assert 1.0 < frames[-1].time < 30
    assert all(a.time <= b.time for a, b in itertools.pairwise(frames))
    assert {round(float(frame.image.mean()), -1) for frame in frames} >= {60, 200}
    assert not any("secret" in str(w.message) for w in told)


def test_nobody_at_an_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FrameError, match="Cannot open") as error:
        open_source(f"http://user:secret@127.0.0.1:{port}/live")
    assert "secret" not in str(error.value)


def test_a_file_name_cannot_command_the_terminal() -> None:
    assert without_password("a\x1b[31m\n\udce9.mp4") == "a%1B[31m%0A%E9.mp4"
