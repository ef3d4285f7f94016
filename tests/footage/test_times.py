import itertools
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from made_videos import grey, restamp, write_video
from stca.footage.header import usual_rate
from stca.footage.images import write_jpeg
from stca.footage.sources import Source, open_source
from stca.footage.video import VIDEO_SUFFIXES, probe_video

av = pytest.importorskip("av")

TENTHS = [k / 10 for k in range(20)]
SHADES = list(range(10, 210, 10))


def times(source: Source) -> list[float]:
    return [frame.time for frame in source.frames()]


def shades(source: Source) -> list[int]:
    return [round(float(frame.image.mean()), -1) for frame in source.frames()]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("plain") / "v.mkv", grey(*SHADES))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(
    ("stamps", "wanted", "note"),
    [
        ([s + 5 for s in TENTHS], TENTHS, None),
        ([s + (600 if s >= 1 else 0) for s in TENTHS], [s + (600 if s >= 1 else 0) for s in TENTHS], None),
        ([*TENTHS[:7], 7200.0, *TENTHS[8:]], TENTHS, "from frame 8 on, are 7199 s off"),
        ([0.0, *(s + 95443 for s in TENTHS[:19])], TENTHS, "first time stamp is 95443 s off"),
        ([*(s + 50 for s in TENTHS[:10]), *TENTHS[10:]], TENTHS, "set back by 49.9 s at frame 11"),
        (
            [s + (7200 if s >= 1 else 0) for s in TENTHS],
            [s + (7200 if s >= 1 else 0) for s in TENTHS],
            "ahead by 7200 s",
        ),
        (
            [0, 0.1, 0.2, 0.5, 0.6, 0.65, *(1 + s for s in TENTHS[:14])],
            [0, 0.1, 0.2, 0.5, 0.6, 0.65, *(1 + s for s in TENTHS[:14])],
            None,
        ),
    ],
    ids=["starts later", "a pause", "one stamp", "the first stamp", "set back", "set forth", "varying rate"],
)
def test_times_of_files(
    plain: Path,
    tmp_path: Path,
    suffix: str,
    stamps: Sequence[float],
    wanted: Sequence[float],
    note: str | None,
) -> None:
    path = restamp(plain, tmp_path / f"v{suffix}", stamps)
    source = open_source(path)
    assert source.times_known
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = list(source.frames())
    assert [f.time for f in frames] == pytest.approx(wanted, abs=0.002)
    assert [round(float(f.image.mean()), -1) for f in frames] == SHADES
    said = [str(w.message) for w in told if w.category is UserWarning]
    assert (len(said) == 1 and note in said[0] and "--rate" in said[0]) if note else not said
    assert source.frame_rate == pytest.approx(10, rel=0.01), "between neighbours, whatever the average is"
    assert times(open_source(path, frame_rate=5)) == pytest.approx([k / 5 for k in range(20)])


def test_stamps_below_zero(plain: Path, tmp_path: Path) -> None:
    with av.open(
        str(restamp(plain, tmp_path / "v.mkv", [s - 0.5 for s in TENTHS], avoid_negative_ts="disabled"))
    ) as c:
        assert c.streams.video[0].start_time < 0, "or the test tests nothing"
    source = open_source(tmp_path / "v.mkv")
    assert times(source) == pytest.approx(TENTHS, abs=0.002)


@pytest.mark.parametrize(
    ("name", "codec", "format", "rate"),
    [
        ("v.264", "libx264", "h264", 10),
        ("v.h264", "libx264", "h264", 50),
        ("v.265", "libx265", "hevc", 12),
        ("v.hevc", "libx265", "hevc", 30),
        ("v.m2v", "mpeg2video", "mpeg2video", 30),
        ("v.m4v", "mpeg4", "m4v", 10),
    ],
)
def test_a_bare_stream_has_the_rate_that_it_states(
    tmp_path: Path, name: str, codec: str, format: str, rate: int
) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = write_video(tmp_path / name, grey(*SHADES), codec=codec, format=format, rate=rate, **options)
    source = open_source(path)
    assert (source.frame_rate, source.times_known) == (rate, True)
    assert times(source) == pytest.approx([k / rate for k in range(20)])
    assert probe_video(path).frame_rate == rate


@pytest.mark.parametrize("kind", ["hevc", "mjpeg", "folder"])
def test_where_nothing_states_a_rate_the_user_is_asked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"v.{kind}"
    if kind == "folder":
        for number, image in enumerate(grey(*SHADES)):
            write_jpeg(path / f"frame_{number:06d}.jpg", image)
    else:
        codec, options = (
            ("mjpeg", {})
            if kind == "mjpeg"
            else ("libx265", {"x265-params": "log-level=none:vui-timing-info=0"})
        )
        write_video(path, grey(*SHADES), codec=codec, format=kind, **options)
        assert probe_video(path).frame_rate is None
    with pytest.warns(UserWarning, match="nothing states its frame rate(.|\n)*--rate") as told:
        source = open_source(path)
    assert len(told) == 1
    assert (source.frame_rate, source.times_known) == (25, False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        source = open_source(path, frame_rate=10)
        assert (source.frame_rate, source.times_known) == (10, True)
        assert times(source) == pytest.approx(TENTHS)


def test_a_sequence_states_its_rate(tmp_path: Path) -> None:
    for number in range(3):
        write_jpeg(tmp_path / "cam" / "img1" / f"{number:06d}.jpg", grey(9)[0])
    (tmp_path / "cam" / "seqinfo.ini").write_text("[Sequence]\nframeRate=14\n")
    for place in (tmp_path / "cam" / "img1",):
        source = open_source(place)
        assert (source.frame_rate, source.times_known, source.camera) == (14, True, "cam")


class Stream:
    def __init__(self, average: float | None, *others: float) -> None:
        self.average_rate, self.guessed_rate, self.base_rate = average, *(*others, None, None)[:2]
        self.codec_context = type("Codec", (), {"framerate": None})()


def test_the_average_over_a_pause_is_no_rate() -> None:
    steady = [k * 0.04 for k in range(50)]
    assert usual_rate(Stream(25.0), steady) == 25
    assert usual_rate(Stream(30000 / 1001), [round(k * 1.001 / 30, 3) for k in range(50)]) == 30000 / 1001
    assert usual_rate(Stream(0.09), steady) == pytest.approx(25)
    assert usual_rate(Stream(0.09, 25.0), steady) == 25
    assert usual_rate(Stream(50.0, 50.0), steady) == pytest.approx(25), "by a header that counts twice"
    assert usual_rate(Stream(None), steady) == pytest.approx(25)
    assert usual_rate(Stream(12.0), steady[:3]) == 12, "too few frames to measure"
    assert usual_rate(Stream(None), []) is None


def count_twice(path: Path) -> None:
    """Write twice as many frames into both headers of an AVI."""
    data = bytearray(path.read_bytes())
    for place in (data.index(b"avih") + 8 + 16, data.index(b"strh") + 8 + 32):
        data[place : place + 4] = struct.pack("<I", 2 * struct.unpack_from("<I", data, place)[0])
    path.write_bytes(data)


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_an_avi_whose_header_counts_twice_is_whole(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "v.avi", grey(*SHADES), codec=codec)
    count_twice(path)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 40
    source = open_source(path)
    assert source.num_frames == 20
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert shades(source) == SHADES
    assert times(source) == pytest.approx(TENTHS)


def test_h264_with_b_frames_in_an_avi(tmp_path: Path) -> None:
    """FFmpeg counts two for each such frame, and knows no times of display in an AVI."""
    path = write_video(tmp_path / "v.avi", grey(*SHADES), codec="libx264", bf="2", g="20")
    source = open_source(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frames = list(source.frames())
    assert [f.time for f in frames] == pytest.approx(TENTHS)
    assert [round(float(f.image.mean()), -1) for f in frames] == SHADES
    assert (source.frame_rate, source.num_frames) == (10, 20)


@pytest.mark.parametrize(("suffix", "muxing"), [(".avi", {}), (".mp4", {"movflags": "+faststart"})])
@pytest.mark.parametrize("wrong", [False, True])
def test_a_file_that_is_cut_off_ends_early(
    tmp_path: Path, suffix: str, muxing: dict[str, str], wrong: bool
) -> None:
    images = grey(*SHADES)
    for k, image in enumerate(images):
        image[10:20, k : k + 20] += 40  # so that the frames have some size
    path = write_video(tmp_path / f"v{suffix}", images, codec="mjpeg", muxing=muxing)
    if wrong and suffix == ".avi":
        count_twice(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.warns(UserWarning, match="ends early"):
        assert 8 < len(list(open_source(path).frames())) < 17


def test_a_cut_without_encoding_is_whole(tmp_path: Path) -> None:
    """An edit list hides the frames before the cut, which are needed to decode those behind it."""
    old = write_video(tmp_path / "old.mp4", grey(*SHADES), codec="libx264", bf="2", g="20")
    with (
        av.open(str(old)) as container,
        av.open(str(tmp_path / "v.mp4"), "w", options={"avoid_negative_ts": "disabled"}) as new,
    ):
        stream = container.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.size:
                shift = round(0.8 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                new.mux_one(packet)
    source = open_source(tmp_path / "v.mp4")
    assert source.num_frames == 12
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frames = list(source.frames())
    assert [round(float(f.image.mean()), -1) for f in frames] == SHADES[8:]
    assert [f.time for f in frames] == pytest.approx(TENTHS[:12], abs=0.001)


def test_a_webm_without_a_duration(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.webm", grey(*SHADES), codec="libvpx", muxing={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    source = open_source(path)
    assert (source.live, source.num_frames) == (False, None)
    assert shades(source) == SHADES
    assert times(source) == pytest.approx(TENTHS, abs=0.002)


def test_mjpeg_without_huffman_tables(tmp_path: Path) -> None:
    """Cameras leave the standard tables out."""
    whole = write_video(tmp_path / "whole.avi", grey(*SHADES), codec="mjpeg")
    with av.open(str(whole)) as old, av.open(str(tmp_path / "v.avi"), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.size:
                bare = av.Packet(without_tables(bytes(packet)))
                bare.pts, bare.dts, bare.time_base, bare.stream = (
                    packet.pts,
                    packet.dts,
                    packet.time_base,
                    copy,
                )
                bare.is_keyframe = True
                new.mux_one(bare)
    assert b"\xff\xc4" not in (tmp_path / "v.avi").read_bytes()
    assert shades(open_source(tmp_path / "v.avi")) == SHADES


def without_tables(jpeg: bytes) -> bytes:
    kept, place = jpeg[:2], 2
    while jpeg[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        kept += b"" if jpeg[place + 1] == 0xC4 else jpeg[place:end]
        place = end
    return kept + jpeg[place:]


@pytest.mark.parametrize(
    ("suffix", "codec", "rate"),
    [
        (".ts", "mpeg2video", 25),
        (".mts", "libx264", 10),
        (".mpg", "mpeg2video", 25),
        (".MPEG", "mpeg2video", 25),
        (".wmv", "wmv2", 10),
        (".flv", "flv", 10),
        (".3gp", "mpeg4", 10),
        (".MOV", "mpeg4", 10),
        (".gif", "gif", 10),
        (".webm", "libvpx", 10),
        (".nut", "mpeg4", 10),
    ],
)
def test_kinds_of_files(tmp_path: Path, suffix: str, codec: str, rate: int) -> None:
    path = write_video(tmp_path / f"v{suffix}", grey(*SHADES), codec=codec, rate=rate)
    source = open_source(path)
    found = times(source)
    # A program stream has one time stamp for several small frames, and FFmpeg may be a frame off there.
    near = 0.041 if suffix in (".mpg", ".MPEG") else 0.002
    assert found == pytest.approx([k / rate for k in range(20)], abs=near)
    assert shades(source) == SHADES
    assert suffix.lower() in VIDEO_SUFFIXES | {".nut", ".gif"}
    assert all(a < b for a, b in itertools.pairwise(found))
