import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from made_videos import add_video, grey, swap_in_box, write_video
from stca.errors import FrameError
from stca.footage.sources import camera_name, open_source
from stca.footage.video import probe_video, read_video

av = pytest.importorskip("av")

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{}\n#EXT-X-ENDLIST\n"
SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
MANIFEST = '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"/>\n'


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "other.mp4", grey(10, 60, 110, 160, 210))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.m3u8", "clip.sdp", "clip", "clip.AVI"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ffconcat version 1.0\nfile other.mp4\n", "ffconcat"),
        ("\ufeffffconcat version 1.0\nfile other.mp4\n", "ffconcat"),
        (PLAYLIST.format("other.mp4"), "HLS"),
        (SESSION, "SDP"),
        (MANIFEST, "DASH"),
    ],
    ids=["concat", "concat with BOM", "hls", "sdp", "dash"],
)
def test_a_file_that_names_others_is_no_video(video: Path, name: str, text: str, found: str) -> None:
    path = video.with_name(name)
    path.write_text(text, encoding="utf-8")
    for opening in (open_source, probe_video, lambda p: next(read_video(p))):
        with pytest.raises(
            FrameError, match=rf"list of others(.|\n)*{found}(.|\n)*try:(.|\n)*the video itself"
        ):
            opening(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n" * 200,
        b"file other.mp4\n",
        b"<html>404</html>",
        b"\0" * 4000,
        b"[Script Info]\n",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_video_is_refused(video: Path, content: bytes) -> None:
    path = video.with_name("clip.mp4")
    path.write_bytes(content)
    with pytest.raises(FrameError, match=r"expected:(.|\n)*found:(.|\n)*clip\.mp4(.|\n)*try:"):
        open_source(path)


def test_a_recording_without_its_index(video: Path) -> None:
    video.write_bytes(video.read_bytes()[: video.read_bytes().index(b"moov") - 4])
    with pytest.raises(FrameError, match=r"try:.*without its index \(moov\)"):
        open_source(video)


def test_a_format_that_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w", format="caf") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
    with pytest.raises(FrameError, match=r"expected:.*matroska(.|\n)*another format|caf(.|\n)*try:.*convert"):
        open_source(tmp_path / "v.mp4")


@pytest.mark.parametrize(
    "address",
    [
        "file://{}",
        "concat://{}",
        "subfile://{}",
        "crypto://{}",
        "pipe://0",
        "fd://0",
        "data://{}",
        "lavfi://testsrc",
        "gopher://x",
    ],
)
def test_an_address_leads_into_the_network(video: Path, address: str) -> None:
    with pytest.raises(FrameError, match=r"cannot begin with(.|\n)*rtsp://(.|\n)*try:.*path"):
        open_source(address.format(video))


@pytest.mark.parametrize("text", [PLAYLIST, "ffconcat version 1.0\nfile {}\n"], ids=["hls", "concat"])
def test_what_an_address_answers_opens_no_local_file(video: Path, text: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/vnd.apple.mpegurl")
            self.end_headers()
            self.wfile.write(text.format(f"file://{video}").encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        with pytest.raises(FrameError, match="Cannot open a video"):
            open_source(f"http://127.0.0.1:{served.server_port}/live.m3u8")
        served.shutdown()


NAMES = [
    b"2026-01-31T10:00:00.mp4",
    b"10:00:00.mp4",
    b"http:x.mp4",
    b"file:x.mp4",
    b"concat:a|b.mp4",
    b"100%.mp4",
    b"cam%06d.mp4",
    b"cam[1-3]*?.mp4",
    b"caf\xe9 \xff.mp4",
    "会议室.mp4".encode(),
    b"-i.mp4",
    b"a b'\"\\#&;$.mp4",
    b"CAM.MP4",
    b"no suffix",
    b"wrong.jpeg.ts",
    b"new\nline.mp4",
]


@pytest.mark.parametrize("name", NAMES, ids=[repr(name) for name in NAMES])
@pytest.mark.parametrize("relative", [False, True])
def test_any_name(video: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, relative: bool) -> None:
    path = video.with_name(os.fsdecode(name))
    try:
        shutil.copy(video, path)
    except OSError:
        pytest.skip("this file system knows no such names")
    monkeypatch.chdir(path.parent)
    source = open_source(Path(path.name) if relative else path)
    assert len(list(source.frames())) == 5
    source.name.encode(), source.camera.encode()  # so that they can be printed and written
    assert probe_video(path).num_frames == 5


def test_names_that_are_no_utf8_are_shown_with_percent_signs() -> None:
    assert camera_name(os.fsdecode(b"caf\xe9.mp4")) == "caf%E9"


def test_a_long_path_and_links(video: Path) -> None:
    deep = video.parent.joinpath(*["x" * 100] * 7)
    deep.mkdir(parents=True)
    shutil.copy(video, deep / "v.mp4")
    assert open_source(deep / "v.mp4").num_frames == 5
    (video.parent / "link.mp4").symlink_to(deep / "v.mp4")
    assert open_source(video.parent / "link.mp4").num_frames == 5
    (video.parent / "folder").symlink_to(deep)
    assert open_source(video.parent / "folder" / "v.mp4").camera == "v"


@pytest.mark.parametrize(
    "name", ["loop.mp4", "y" * 300 + ".mp4", "y/" * 3000 + "v.mp4", "nothing.mp4", "a\0b.mp4"]
)
def test_paths_that_lead_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    with pytest.raises(FrameError, match=r"Cannot open(.|\n)*found:(.|\n)*try:"):
        open_source(tmp_path / name)


def test_links_in_a_circle_among_images(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").symlink_to("2.jpg")
    (tmp_path / "2.jpg").symlink_to("1.jpg")
    (tmp_path / "3.jpg").symlink_to("nothing.jpg")
    with pytest.raises(FrameError, match="Cannot read a frame"):
        list(open_source(tmp_path, frame_rate=5).frames())


def with_cover(path: Path, *, cover_first: bool) -> Path:
    """A video of 64 x 48 with a picture of 100 x 100, as taggers write it."""
    with av.open(str(path), "w") as container:
        stream = add_video(container, "mpeg4", (48, 64), 10)
        cover = add_video(container, "mjpeg", (100, 100), 1)
        cover.disposition = av.stream.Disposition.attached_pic
        for image in grey(100, size=(100, 100)):
            container.mux(cover.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for image in grey(10, 60, 110, 160):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
        container.mux(cover.encode(None))
    if cover_first:
        path.write_bytes(swap_in_box(path.read_bytes(), b"moov", [b"mvhd", b"udta"]))
    return path


@pytest.mark.parametrize("cover_first", [False, True])
def test_a_cover_picture_is_no_video(tmp_path: Path, cover_first: bool) -> None:
    path = with_cover(tmp_path / "v.mp4", cover_first=cover_first)
    with av.open(str(path)) as container:
        kinds = [bool(s.disposition & av.stream.Disposition.attached_pic) for s in container.streams.video]
    assert kinds == [cover_first, not cover_first], "or the test tests nothing"
    source = open_source(path)
    assert [frame.image.shape for frame in source.frames()] == [(48, 64, 3)] * 4
    assert probe_video(path).width == 64


def test_a_cover_picture_of_a_song(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        cover = add_video(container, "mjpeg", (100, 100), 1)
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 8000
        container.mux(cover.encode(av.VideoFrame.from_ndarray(grey(9, size=(100, 100))[0], format="rgb24")))
        container.mux([*sound.encode(samples), *sound.encode(None), *cover.encode(None)])
    with pytest.raises(FrameError, match=r"no video in it(.|\n)*cover picture(.|\n)*try:"):
        open_source(tmp_path / "song.mp4")


def streams(path: Path, *sizes: tuple[int, int], default: int | None = None, sound: bool = False) -> Path:
    """Several videos in one file; frame k of stream n is 40 n + k bright."""
    with av.open(str(path), "w") as container:
        if sound:
            audio = container.add_stream("aac", rate=8000, layout="mono")
            samples = av.AudioFrame.from_ndarray(
                np.zeros((1, 16000), np.float32), format="fltp", layout="mono"
            )
            samples.sample_rate = 8000
        videos = [add_video(container, "mpeg4", size, 10) for size in sizes]
        for number, stream in enumerate(videos):
            chosen = default is None or number == default
            stream.disposition = av.stream.Disposition.default if chosen else av.stream.Disposition(0)
        if sound:
            container.mux([*audio.encode(samples), *audio.encode(None)])
        for k in range(6):
            for number, (stream, size) in enumerate(zip(videos, sizes, strict=True)):
                image = grey(40 * number + k, size=size)[0]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in videos:
            container.mux(stream.encode(None))
    return path


SMALL, LARGE = (48, 64), (96, 128)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_the_largest_of_equal_streams(tmp_path: Path, suffix: str) -> None:
    for sizes in ((SMALL, LARGE), (LARGE, SMALL), (SMALL, LARGE, SMALL)):
        path = streams(tmp_path / f"v{suffix}", *sizes)
        with pytest.warns(UserWarning, match=r"videos in it; the one of 128 x 96 is read, not 64 x 48"):
            frames = list(open_source(path).frames())
        assert [frame.image.shape for frame in frames] == [(96, 128, 3)] * 6


@pytest.mark.parametrize("default", [0, 1])
def test_the_default_stream(tmp_path: Path, default: int) -> None:
    path = streams(tmp_path / "v.mkv", SMALL, LARGE, default=default)
    with pytest.warns(UserWarning, match="videos in it"):
        frames = list(open_source(path).frames())
    assert {frame.image.shape[:2] for frame in frames} == {(SMALL, LARGE)[default]}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi", ".ts"])
def test_sound_first(tmp_path: Path, suffix: str) -> None:
    frames = list(open_source(streams(tmp_path / f"v{suffix}", LARGE, sound=True)).frames())
    assert [frame.image.shape for frame in frames] == [(96, 128, 3)] * 6
    assert [frame.time for frame in frames] == pytest.approx([k / 10 for k in range(6)], abs=0.001)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    places: list[str] = []
    real = av.open

    def counted(place: str, **options: object) -> object:
        places.append(place)
        return real(place, **options)

    monkeypatch.setattr(av, "open", counted)
    return places


def test_a_file_is_opened_once(video: Path, opened: list[str]) -> None:
    source = open_source(video)
    assert len(list(source.frames())) == 5
    assert len(opened) == 1
    assert len(list(source.frames())) == 5, "a second time, from the beginning"
    assert len(opened) == 2
