"""A pack gives what the folders gave, and says so where it cannot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stca.cli import main
from stca.clips import Transform, dense_batches
from stca.datasets import load_dataset
from stca.datasets.packed import pack_dataset
from stca.errors import ConfigError, DatasetError, FrameError
from stca.footage.images import read_image
from stca.tracklets import Splits


@pytest.fixture
def splits(make_people: Callable[..., Path], tmp_path: Path) -> Splits:
    return load_dataset(
        "folder", make_people(tmp_path / "people", persons=3, cameras=2, tracklets=1, frames=5)
    )


def test_a_pack_holds_the_same_tracklets_and_frames(splits: Splits, tmp_path: Path) -> None:
    size = pack_dataset(splits, tmp_path / "out" / "people.lmdb")
    packed = load_dataset("packed", tmp_path / "out" / "people.lmdb")
    assert size >= sum(frame.stat().st_size for t in splits.train for frame in t.frames)
    assert (packed.name, packed.protocols, packed.notes) == (splits.name, splits.protocols, splits.notes)
    for ours, theirs in zip(packed.gallery, splits.gallery, strict=True):
        assert (ours.key, ours.person_id, ours.camera_id) == (theirs.key, theirs.person_id, theirs.camera_id)
        for a, b in zip(ours.frames, theirs.frames, strict=True):
            np.testing.assert_array_equal(read_image(a), read_image(b))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_read_from_a_pack(splits: Splits, tmp_path: Path, workers: int) -> None:
    pack_dataset(splits, tmp_path / "people.lmdb")
    packed = load_dataset("packed", tmp_path / "people.lmdb")
    read_image(packed.train[0].frames[0])  # opened before the workers are forked
    clips = [
        [
            batch.frames
            for batch in dense_batches(
                each.train, Transform((32, 16)), clip_len=2, batch_size=4, workers=workers
            )[1]
        ]
        for each in (packed, splits)
    ]
    for ours, theirs in zip(*clips, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_by_command(splits: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.lmdb"
    assert main(["data", "pack", "folder", str(tmp_path / "people"), str(out)]) == 0
    assert "data.source=packed" in capsys.readouterr().out
    assert main(["data", "check", "packed", str(out)]) == 0
    assert main(["data", "pack", "folder", str(tmp_path / "people"), str(tmp_path / "p.zip")]) == 1
    assert ".lmdb" in capsys.readouterr().err


def test_a_frame_that_is_lost_leaves_the_old_pack(splits: Splits, tmp_path: Path) -> None:
    out = tmp_path / "people.lmdb"
    pack_dataset(splits, out)
    before = out.read_bytes()
    splits.train[1].frames[2].unlink()
    with pytest.raises(DatasetError, match="Cannot read a frame"):
        pack_dataset(splits, out)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people", "people.lmdb"]


def test_what_is_no_pack_is_an_error(splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no pack"):
        load_dataset("packed", tmp_path / "none.lmdb")
    (tmp_path / "text.lmdb").write_text("no pack " * 1000)
    with pytest.raises(DatasetError, match="pack"):
        load_dataset("packed", tmp_path / "text.lmdb")
    pack_dataset(splits, tmp_path / "people.lmdb")
    with pytest.raises(ConfigError, match="another split"):
        load_dataset("packed", tmp_path / "people.lmdb", split=1)
    with pytest.raises(FrameError, match="in the pack"):
        read_image(tmp_path / "people.lmdb" / "nobody.jpg")
