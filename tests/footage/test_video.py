import sys
from pathlib import Path

import numpy as np
import pytest

from stca.errors import FrameError, StcaError
from stca.footage.video import VideoInfo, probe_video, read_video

av = pytest.importorskip("av")


def write_video(path: Path, *, frames: int, size: tuple[int, int] = (48, 64)) -> None:
    """A video whose frame k (from 1) is grey of brightness 10 k."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for k in range(1, frames + 1):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 10 * k, dtype=np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_frames_come_in_order(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", frames=12)
    frames = list(read_video(tmp_path / "v.mp4"))
    assert [round(float(frame.mean()), -1) for frame in frames] == [10 * k for k in range(1, 13)]
    assert frames[0].shape == (48, 64, 3)
    assert frames[0].dtype == np.uint8
    assert probe_video(tmp_path / "v.mp4") == VideoInfo(64, 48, 5.0, 12)


def test_a_stream_without_a_length(shared: Path) -> None:
    info = probe_video(shared / "video/intel_ccby/people-detection.264")
    assert (info.width, info.height, info.num_frames) == (768, 432, None)


@pytest.mark.parametrize("content", [None, b"", b"no video at all"])
def test_no_video(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "v.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FrameError, match=r"Cannot open a video(.|\n)*expected:(.|\n)*found:(.|\n)*try:"):
        next(read_video(path))
    with pytest.raises(FrameError, match="Cannot open a video"):
        probe_video(path)


def test_only_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 800), dtype=np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
    with pytest.raises(FrameError, match="no video in it"):
        probe_video(tmp_path / "a.wav")


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(StcaError, match=r"stca\[video\]"):
        probe_video(tmp_path / "v.mp4")
