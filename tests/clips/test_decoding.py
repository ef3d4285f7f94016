from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.clips import Transform, decode_clip
from stca.errors import DatasetError
from stca.footage import images
from stca.tracklets import Tracklet

PLAIN = Transform((32, 16))


def levels(tracklet: Tracklet, numbers: list[int]) -> list[int]:
    """Which frames were decoded, by their grey."""
    frames = decode_clip(tracklet, np.array(numbers), PLAIN).frames
    return [round((float(frame.mean()) - 10) / 10) for frame in frames]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(500))


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("404 not found")


def missing(path: Path) -> None:
    path.unlink()


DAMAGE = [truncate, zeros, nothing, text, missing]


def test_frames_come_in_the_order_asked_for(make_tracklet: Callable[..., Tracklet]) -> None:
    tracklet = make_tracklet(9)
    clip = decode_clip(tracklet, np.array([4, 0, 8, 4]), PLAIN)
    assert clip.frames.shape == (4, 32, 16, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.bad == ()
    assert levels(tracklet, [4, 0, 8, 4]) == [4, 0, 8, 4]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_bad_frame_is_replaced_by_its_nearest_neighbour_and_reported(
    make_tracklet: Callable[..., Tracklet], damage: Callable[[Path], None]
) -> None:
    tracklet = make_tracklet(9)
    for number in (0, 4, 7, 8):
        damage(tracklet.frames[number])
    clip = decode_clip(tracklet, np.arange(9), PLAIN)
    assert clip.bad == tuple(tracklet.frames[number] for number in (0, 4, 7, 8))
    assert levels(tracklet, list(range(9))) == [1, 1, 2, 3, 3, 5, 6, 6, 6]


def test_a_neighbour_may_lie_outside_of_the_clip(make_tracklet: Callable[..., Tracklet]) -> None:
    tracklet = make_tracklet(9)
    for number in (3, 4, 5):
        truncate(tracklet.frames[number])
    assert levels(tracklet, [3, 4, 5]) == [2, 2, 6]
    assert decode_clip(tracklet, np.array([4]), PLAIN).bad == tracklet.frames[3:6]


def test_bad_frames_that_nobody_asked_for_are_not_looked_at(make_tracklet: Callable[..., Tracklet]) -> None:
    tracklet = make_tracklet(4)
    truncate(tracklet.frames[3])
    assert decode_clip(tracklet, np.array([0, 1]), PLAIN).bad == ()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_tracklet_without_a_readable_frame_is_an_error_with_its_name(
    make_tracklet: Callable[..., Tracklet], damage: Callable[[Path], None]
) -> None:
    tracklet = make_tracklet(3)
    for path in tracklet.frames:
        damage(path)
    with pytest.raises(DatasetError, match=r"No frame of a tracklet can be read[\s\S]*1-1-3: .*001\.jpg"):
        decode_clip(tracklet, np.array([1]), PLAIN)


def test_sizes_and_kinds_of_images_may_differ_within_a_tracklet(tmp_path: Path) -> None:
    white = Image.new("RGB", (40, 90), (255, 255, 255))
    images = {
        "a.jpg": white,
        "b.png": white.convert("L").resize((7, 9)),
        "c.jpg": Image.new("CMYK", (300, 500), (0, 0, 0, 0)),
        "d.png": white.convert("RGBA"),
        "e.png": white.convert("P").resize((1, 1)),
    }
    for name, image in images.items():
        image.save(tmp_path / name)
    tracklet = Tracklet(tuple(tmp_path / name for name in images), 1, 1, "mixed")
    clip = decode_clip(tracklet, np.arange(5), PLAIN)
    assert clip.bad == ()
    assert clip.frames.shape == (5, 32, 16, 3)
    assert clip.frames.min() >= 250


def test_every_file_is_read_once(
    make_tracklet: Callable[..., Tracklet], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracklet = make_tracklet(4)
    truncate(tracklet.frames[1])
    reads = []
    read_bytes = images._read_bytes
    monkeypatch.setattr(images, "_read_bytes", lambda path: reads.append(path) or read_bytes(path))
    decode_clip(tracklet, np.array([0, 1, 0, 1, 2, 2, 1]), PLAIN)
    assert sorted(reads) == sorted(tracklet.frames[:3])
