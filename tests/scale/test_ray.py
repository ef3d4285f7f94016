"""The Ray engine in real processes: what it writes is what the plain commands write, whoever dies."""

import shutil
from pathlib import Path

import pytest
from experiments.scale.ray_engine import (
    embed_by_openvino,
    embed_with_faults,
    made_tracklets,
    track_with_faults,
)

from stca.walkers import make_scene

pytest.importorskip("ray", reason="needs stca[ray]")
pytestmark = pytest.mark.slow  # every command starts Ray: seconds on a free machine, minutes on a busy one


def test_a_broken_video_and_a_killed_worker_leave_the_tracks_of_the_plain_command(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "scene", cameras=3, persons=6, seconds=8, height=180, workers=1)
    (tmp_path / "videos").mkdir()
    for video in scene.glob("cam*/*.mp4"):
        shutil.copy(video, tmp_path / "videos" / video.name)
    track_with_faults(tmp_path / "videos", tmp_path)


def test_a_killed_command_is_started_again_and_leaves_the_gallery_of_the_plain_one(tmp_path: Path) -> None:
    tracklets = made_tracklets(tmp_path / "tracklets", cameras=4, each=5)
    assert embed_with_faults(tracklets, tmp_path, ["pretrained"]).rows == 20


def test_vectors_by_openvino_are_those_of_one_process_bit_for_bit(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="needs stca[export]")
    tracklets = made_tracklets(tmp_path / "tracklets", cameras=3, each=5)
    compared = embed_by_openvino(tracklets, tmp_path, "pretrained")
    assert (compared.rows, compared.equal, compared.apart) == (15, 15, 0)
