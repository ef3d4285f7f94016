from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from stca.footage.video import probe_video, read_video
from stca.walkers import recording


@pytest.mark.parametrize("encoder", ["libx264", "no_such_encoder"])
def test_an_ffmpeg_without_h264_still_writes_videos(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_ENCODER", encoder)
    pictures = [np.full((48, 64, 3), shade, np.uint8) for shade in (20, 90, 160)]
    pieces = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for piece in pieces:
        recording.write_video(piece, pictures, size=(48, 64), rate=Fraction(10), quality=20)
    recording.join_videos(tmp_path / "both.mp4", pieces)
    assert probe_video(tmp_path / "both.mp4").num_frames == 6
    shown = [float(image.mean()) for image in read_video(tmp_path / "both.mp4")]
    assert shown == pytest.approx([20, 90, 160] * 2, abs=6)
