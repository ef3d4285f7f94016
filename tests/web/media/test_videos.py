"""Frames by number: the same as reading in order, whatever the video, and however they are asked for."""

import random
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from made_videos import quarters, write_video
from stca.footage.sources import open_source
from stca.web.media.videos import frames as module
from stca.web.media.videos.frames import VideoFrames
from stca.web.media.videos.images import ImageFrames
from stca.web.media.videos.seeking import NotThereError, build_index
from stca.web.problems import WebError

av = pytest.importorskip("av")


def pictures(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Each different from all others: a bar that moves over changing ground."""
    made = []
    for number in range(count):
        image = np.full((*size, 3), 40 + number % 50, np.uint8)
        image[:, number % size[1]] = 250
        image[number // size[1] :: 7] = (200, number % 256, 90)
        made.append(image)
    return made


def in_order(path: Path) -> tuple[list[np.ndarray], list[float]]:
    read = list(open_source(path).frames())
    return [frame.image for frame in read], [frame.time for frame in read]


def h264(path: Path, count: int, **options: str) -> Path:
    if "libx264" not in av.codecs_available:
        pytest.skip("PyAV here has no H.264 encoder")
    options = {"bf": "3", "g": "30", "sc_threshold": "0", **options}
    return write_video(path, pictures(count), codec="libx264", **options)


@pytest.fixture(autouse=True)
def _seek_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small videos are read as long ones are."""
    monkeypatch.setattr(module, "_NEAR", 5)
    monkeypatch.setattr(module, "_WORTH_INDEXING", 12)


@pytest.mark.parametrize("name", ["b_frames.mp4", "b_frames.mkv", "open_gop.mp4", "b_frames.avi", "h264.ts"])
def test_any_order_gives_what_reading_in_order_gives(name: str, tmp_path: Path) -> None:
    options = {"x264-params": "open-gop=1"} if name.startswith("open") else {}
    path = h264(tmp_path / name, 150, **options)
    images, times = in_order(path)
    assert len(images) == 150
    frames = VideoFrames(path, frames=150)
    order = random.Random(0)
    asked = [order.randint(1, 150) for _ in range(40)] + [150, 1, 2, 149, 148, 90, 89, 88]
    for number in asked:
        assert np.array_equal(frames.image(number), images[number - 1]), number
        assert frames.seconds(number) == pytest.approx(times[number - 1], abs=1e-9)
    assert frames.size == (64, 48)


def test_what_is_proven_is_sought(tmp_path: Path) -> None:
    closed = build_index(h264(tmp_path / "a.mp4", 120), frames=120)
    assert closed is not None
    assert closed.entries[:2] == (1, 31)
    assert [closed.entry(number) for number in (1, 30, 31, 60, 61, 100)] == [1, 1, 31, 31, 61, 91]
    # A key frame that is none to begin with: the pictures around it lean on each other.
    refreshed = h264(tmp_path / "b.mp4", 120, **{"x264-params": "intra-refresh=1:bframes=0"})
    slow = build_index(refreshed, frames=120)
    assert slow is not None
    assert slow.entries == (1,)
    opened = build_index(h264(tmp_path / "c.mp4", 120, **{"x264-params": "open-gop=1"}), frames=120)
    assert opened is not None
    assert 31 not in opened.entries
    assert build_index(tmp_path / "a.mp4", frames=119) is None  # tracking left one out
    assert build_index(h264(tmp_path / "a.ts", 120), frames=120) is None
    assert build_index(write_video(tmp_path / "m.mp4", pictures(40), codec="mpeg4", g="10"), frames=40)


def test_a_damaged_video_is_numbered_as_tracking_did(tmp_path: Path) -> None:
    data = bytearray(h264(tmp_path / "whole.mp4", 120, bf="0").read_bytes())
    middle = data.index(b"mdat") + len(data) // 3
    data[middle : middle + 300] = bytes(300)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with warnings.catch_warnings(action="ignore"):
        images, _ = in_order(path)
        frames = VideoFrames(path, frames=len(images))
        for number in (len(images), 80, 40, 100, 1):
            assert np.array_equal(frames.image(number), images[number - 1]), number


def test_a_seek_that_lands_elsewhere_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = h264(tmp_path / "a.mp4", 120)
    images, _ = in_order(path)
    frames = VideoFrames(path, frames=120)
    index = frames._indexed()
    assert index is not None
    index.stamps[100:] += 1  # as if the file were another one
    assert np.array_equal(frames.image(110), images[109])
    assert frames._index is None

    def elsewhere(*_: object) -> object:
        raise NotThereError
        yield

    monkeypatch.setattr("stca.web.media.videos.readers.frames_from", elsewhere)
    assert np.array_equal(VideoFrames(path, frames=120).image(110), images[109])


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "phone.mp4", [quarters()] * 30, turn={"degrees": 90}, g="5")
    images, _ = in_order(path)
    frames = VideoFrames(path, frames=30)
    assert frames.size == images[0].shape[1::-1] == (48, 64)
    assert np.array_equal(frames.image(28), images[27])


def test_neighbours_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.avi", pictures(60))
    frames = VideoFrames(path, frames=60)
    frames.image(40)
    steps: list[int] = []
    step = module.Reader.step
    monkeypatch.setattr(module.Reader, "step", lambda self: steps.append(self.next) or step(self))
    for number in (43, 41, 42, 40, 39, 44):
        frames.image(number)
    assert steps == [41, 42, 43, 44]


def test_threads_get_their_own_frames(tmp_path: Path) -> None:
    path = h264(tmp_path / "a.mp4", 90)
    images, _ = in_order(path)
    frames = VideoFrames(path, frames=90)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(15):
            number = order.randint(1, 90)
            if not np.array_equal(frames.image(number), images[number - 1]):
                wrong.append(number)
        frames.close()

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("count", [20, None])
def test_numbers_beyond_the_end(count: int | None, tmp_path: Path) -> None:
    frames = VideoFrames(write_video(tmp_path / "a.mp4", pictures(20)), frames=count)
    for number in (0, -1, 21, 2**40):
        with pytest.raises(WebError, match="no such frame") as error:
            frames.image(number)
        assert error.value.status == 404
        with pytest.raises(WebError, match="no such frame"):
            frames.seconds(number)
    assert frames.image(20).shape == (48, 64, 3)


def test_a_slow_request_ends_and_the_next_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.avi", pictures(60))
    images, _ = in_order(path)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    step = module.Reader.step

    def slow(self: module.Reader) -> object:
        now[0] += 1
        return step(self)

    monkeypatch.setattr(module.Reader, "step", slow)
    frames = VideoFrames(path, frames=60, patience=20.0)
    for _ in range(2):
        with pytest.raises(WebError, match="takes longer") as error:
            frames.image(50)
        assert (error.value.status, error.value.retry_after) == (503, 2)
    assert np.array_equal(frames.image(50), images[49])


def test_a_file_that_comes_back_is_read_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", pictures(20))
    frames = VideoFrames(path, frames=20)
    path.rename(tmp_path / "elsewhere.mp4")
    with pytest.raises(Exception, match="Cannot open a video"):
        frames.image(3)
    (tmp_path / "elsewhere.mp4").rename(path)
    assert np.array_equal(frames.image(3), in_order(path)[0][2])


def test_a_folder_of_images(tmp_path: Path) -> None:
    from PIL import Image

    for number, image in enumerate(pictures(11), start=1):
        Image.fromarray(image).save(tmp_path / f"frame{number}.png")
    Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(tmp_path / "frame5.png")
    with warnings.catch_warnings(action="ignore"):
        images = {frame.number: frame.image for frame in open_source(tmp_path).frames()}
    frames = ImageFrames(tmp_path, frame_rate=10.0)
    assert all(np.array_equal(frames.image(number), image) for number, image in images.items())
    assert frames.path(10).name == "frame10.png"
    assert frames.seconds(11) == pytest.approx(1.0)
    (tmp_path / "frame7.png").write_bytes(b"no image")
    for number in (0, 7, 12):
        with pytest.raises(WebError):
            frames.image(number)


def test_real_footage(shared: Path) -> None:
    path = shared / "video" / "pets_s2l1" / "vtest.avi"
    frames = VideoFrames(path, frames=795)
    wanted = {1, 17, 300, 301, 420, 795}
    expected = {frame.number: frame for frame in open_source(path).frames() if frame.number in wanted}
    for number in (420, 301, 17, 300, 795, 1):
        assert np.array_equal(frames.image(number), expected[number].image), number
        assert frames.seconds(number) == pytest.approx(expected[number].time)
