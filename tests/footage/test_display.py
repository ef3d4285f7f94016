from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_videos import grey, quarters, restamp, write_video
from stca.footage.orientation import UPRIGHT, Orientation, orientation_of_matrix, oriented
from stca.footage.sources import open_source
from stca.footage.video import probe_video, read_video

av = pytest.importorskip("av")

TURNS = [
    {"degrees": 0},
    {"degrees": 90},
    {"degrees": 180},
    {"degrees": 270},
    {"degrees": 0, "hflip": True},
    {"degrees": 0, "vflip": True},
    {"degrees": 90, "hflip": True},
    {"degrees": 270, "hflip": True},
]


def turned(image: np.ndarray, degrees: int, hflip: bool = False, vflip: bool = False) -> np.ndarray:
    """As PyAV documents it: a rotation counter-clockwise, then mirrored."""
    image = np.rot90(image, degrees // 90)
    image = image[:, ::-1] if hflip else image
    return image[::-1] if vflip else image


def distance(image: np.ndarray, wanted: np.ndarray) -> float:
    assert image.shape == wanted.shape
    return float(np.abs(image.astype(int) - wanted).mean())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_video_is_turned_as_its_display_matrix_says(
    tmp_path: Path, turn: dict[str, Any], suffix: str
) -> None:
    if suffix == ".mkv" and turn.get("hflip", turn.get("vflip")):
        pytest.skip("Matroska has no mirrored videos")
    stored = quarters()
    path = write_video(tmp_path / f"v{suffix}", [stored] * 3, turn=turn)
    shown = turned(stored, **turn)
    frames = list(open_source(path).frames())
    assert len(frames) == 3
    assert all(distance(frame.image, shown) < 12 for frame in frames)
    assert all(frame.image.flags.c_contiguous for frame in frames)
    assert distance(next(read_video(path)), shown) < 12
    info = probe_video(path)
    assert (info.height, info.width) == shown.shape[:2]
    coded = open_source(path, coded=True)
    assert coded.coded
    assert distance(next(coded.frames()).image, stored) < 12
    assert distance(next(read_video(path, coded=True)), stored) < 12
    assert (probe_video(path, coded=True).height, probe_video(path, coded=True).width) == stored.shape[:2]


def test_orientations_of_matrices_that_are_no_quarter_turn() -> None:
    def matrix(degrees: float) -> bytes:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return np.array(
            [c * 65536, -s * 65536, 0, s * 65536, c * 65536, 0, 0, 0, 1 << 30], np.int32
        ).tobytes()

    assert orientation_of_matrix(matrix(3)) == UPRIGHT
    assert orientation_of_matrix(matrix(88)) == orientation_of_matrix(matrix(90)) != UPRIGHT
    assert orientation_of_matrix(bytes(36)) == UPRIGHT, "a matrix of zeros says nothing"


def test_orienting_keeps_an_upright_image_as_it_is() -> None:
    image = quarters()
    assert oriented(image, UPRIGHT) is image
    assert (oriented(image, Orientation(True, False, True)) == np.rot90(image, -1)).all()


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(1, 2), (96, 64, 3)),
        (Fraction(6, 11), (88, 64, 3)),
        (Fraction(16, 11), (48, 93, 3)),
        (Fraction(4, 3), (48, 85, 3)),
        (Fraction(1), (48, 64, 3)),
        (Fraction(1001, 1000), (48, 64, 3)),  # less than a hundredth is left alone
        (Fraction(50), (48, 64, 3)),  # nonsense
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_pixels_become_square(tmp_path: Path, suffix: str, aspect: Fraction, shape: tuple[int, ...]) -> None:
    path = write_video(tmp_path / f"v{suffix}", [quarters()] * 3, aspect=aspect)
    frames = list(open_source(path).frames())
    assert [frame.image.shape for frame in frames] == [shape] * 3
    corners = frames[0].image[[2, 2, -3, -3], [2, -3, 2, -3]].astype(int)
    assert np.abs(corners - [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]).max() < 40
    assert next(open_source(path, coded=True).frames()).image.shape == (48, 64, 3)
    assert (probe_video(path).height, probe_video(path).width) == shape[:2]


def test_tall_pixels_and_a_turn(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [quarters()] * 3, aspect=Fraction(1, 2), turn={"degrees": 90})
    image = next(open_source(path).frames()).image
    assert image.shape == (64, 96, 3)
    assert distance(image[::1, ::2], turned(quarters(), 90)) < 16


def test_the_orientation_of_a_copied_stream_stays(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [quarters()] * 4, turn={"degrees": 270})
    copy = restamp(path, tmp_path / "copy.mov", [0.0, 0.1, 0.2, 0.3])
    assert distance(next(open_source(copy).frames()).image, turned(quarters(), 270)) < 12


MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Colour spaces of ITU-T H.273: the weights of red and blue in the luma."""


def yuv(color: tuple[int, int, int], space: int, full: bool, bits: int = 8) -> tuple[int, ...]:
    red_weight, blue_weight = MATRICES[space]
    red, green, blue = (c / 255 for c in color)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    chroma = (blue - luma) / (2 - 2 * blue_weight), (red - luma) / (2 - 2 * red_weight)
    if full:
        return tuple(round(v) for v in (255 * luma, 128 + 255 * chroma[0], 128 + 255 * chroma[1]))
    scale = 1 << (bits - 8)
    return tuple(round(v * scale) for v in (16 + 219 * luma, 128 + 224 * chroma[0], 128 + 224 * chroma[1]))


def write_flat(path: Path, planes: tuple[int, ...], *, pix_fmt: str, codec: str, **tags: int) -> Path:
    """A video whose planes have one value each, and such colour tags."""
    with av.open(str(path), "w") as container:
        options = {"qp": "0"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for _ in range(3):
            frame = av.VideoFrame(64, 48, pix_fmt)
            for plane, value in zip(frame.planes, planes, strict=True):
                width = np.uint16 if "10" in pix_fmt else np.uint8
                plane.update(np.full(plane.buffer_size // width().itemsize, value, width).tobytes())
            for name, value in tags.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("space", [1, 5, 6, 9], ids=["BT.709", "BT.470", "BT.601", "BT.2020"])
def test_colour_matrices(tmp_path: Path, space: int, full: bool) -> None:
    for color in ((200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)):
        path = write_flat(
            tmp_path / "v.mp4",
            yuv(color, space, full),
            pix_fmt="yuv420p",
            codec="libx264",
            colorspace=space,
            color_range=2 if full else 1,
        )
        image = next(open_source(path).frames()).image
        assert np.abs(image.astype(int) - color).max() <= 4


def pq(nits: float) -> float:
    """SMPTE ST 2084: the code of a luminance, from 0 to 1."""
    y = (nits / 10000) ** (2610 / 16384)
    return float(((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))


@pytest.mark.parametrize(
    ("transfer", "code", "grey_level"),
    [(16, pq(203), 255), (16, pq(10), 63), (16, pq(0), 0), (18, 0.75, 255), (18, 0.0, 0), (1, 0.5, 128)],
    ids=["PQ white", "PQ dark", "PQ black", "HLG white", "HLG black", "SDR"],
)
def test_high_dynamic_range_becomes_standard(
    tmp_path: Path, transfer: int, code: float, grey_level: int
) -> None:
    path = write_flat(
        tmp_path / "v.mkv",
        (round(64 + 876 * code), 512, 512),
        pix_fmt="yuv420p10le",
        codec="ffv1",
        colorspace=9,
        color_range=1,
        color_trc=transfer,
        color_primaries=9,
    )
    frames = list(open_source(path).frames())
    assert len(frames) == 3
    for frame in frames:
        assert abs(int(frame.image[20, 20, 0]) - grey_level) <= 6
        assert np.ptp(frame.image[20, 20].astype(int)) <= 3, "grey stays grey"


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (2, 2), (17, 64), (48, 1000), (7, 9)])
@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("mjpeg", ".avi"), ("mpeg4", ".mp4")])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int], codec: str, suffix: str) -> None:
    path = write_video(tmp_path / f"v{suffix}", grey(20, 120, 220, size=size), codec=codec)
    frames = list(open_source(path).frames())
    assert [frame.image.shape for frame in frames] == [(*size, 3)] * 3
    assert [round(float(frame.image.mean()), -1) for frame in frames] == [20, 120, 220]
