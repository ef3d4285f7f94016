import itertools
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.boxes import MotRow, write_mot
from stca.datasets import load_dataset, mot, mot_cutting
from stca.datasets.mot_cutting import CutOptions, plan_tracklets
from stca.errors import ConfigError, DatasetError
from stca.footage.images import read_image, write_jpeg
from stca.tools.files import cache_dir


@pytest.fixture
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCA_CACHE", str(tmp_path / "cache"))


def boxes(
    track: int, frames: range, *, left: float = 10.0, height: float = 60.0, **more: float
) -> list[MotRow]:
    return [MotRow(frame, track, left, 5.0, 20.0, height, **more) for frame in frames]


def make_sequence(folder: Path, rows: list[MotRow], *, frames: int, size: tuple[int, int] = (80, 90)) -> Path:
    """A sequence whose image k is grey of brightness k."""
    write_mot(folder / "gt/gt.txt", rows)
    for k in range(1, frames + 1):
        write_jpeg(folder / f"img1/{k:06d}.jpg", np.full((*size, 3), k, dtype=np.uint8))
    return folder


def frame_numbers(tracklet) -> list[int]:
    """Which frames the crops really show, by their brightness."""
    return [round(float(read_image(frame).mean())) for frame in tracklet.frames]


@pytest.mark.usefixtures("_empty_cache")
def test_crops_show_the_frames_of_their_boxes(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(3, range(1, 41)) + boxes(5, range(20, 28)), frames=40)
    splits = mot.load(root)
    assert splits.train == splits.query == splits.gallery
    assert splits.protocols == ("same-track",)
    assert [(t.key, t.person_id, t.camera_id, len(t)) for t in splits.train] == [
        ("seq/3/000001", 1, 1, 16),
        ("seq/3/000033", 1, 1, 8),
        ("seq/5/000020", 2, 1, 8),
    ]
    assert frame_numbers(splits.train[0]) == list(range(1, 17))
    assert frame_numbers(splits.train[1]) == list(range(33, 41))
    assert read_image(splits.train[0].frames[0]).shape == (60, 20, 3)
    kept = {frame for t in splits.train for frame in t.frames}
    assert set(cache_dir().rglob("*.jpg")) == kept  # nothing else stays behind


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [
        *boxes(1, range(1, 6)),
        *boxes(2, range(1, 6), visibility=0.1),
        *boxes(3, range(1, 6), class_id=7),
        *boxes(4, range(1, 6), confidence=0.0),
        *boxes(5, range(1, 6), height=30.0),
        *boxes(6, range(1, 6), left=85.0),  # only 5 of its 20 columns are inside
        *boxes(7, range(1, 3)),
        *boxes(1, range(6, 9)),  # beyond the last frame
        *boxes(1, range(2, 3)),
    ]
    splits = mot.load(make_sequence(tmp_path / "seq", rows, frames=5))
    assert [t.key for t in splits.train] == ["seq/1/000001"]
    assert splits.notes == {
        "boxes less than 0.3 visible, dropped": 5,
        "boxes not of a pedestrian or not to be considered, dropped": 10,
        "boxes below 40 x 16 pixels, dropped": 10,
        "pieces of tracks shorter than 4 frames, dropped": 1,
        "boxes in missing or damaged frames, dropped": 3,
        "second boxes of a track in one frame, dropped": 1,
    }


@pytest.mark.usefixtures("_empty_cache")
def test_images_that_cannot_be_read_are_holes(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 15)), frames=14)
    bad = root / "img1/000006.jpg"
    bad.write_bytes(bad.read_bytes()[:60])
    (root / "img1/000014.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match=f"(?s)2 images cannot be read.*{bad}") as caught:
        splits = mot.load(root, gap=0)
    assert len(caught) == 1
    assert [frame_numbers(t) for t in splits.train] == [[1, 2, 3, 4, 5], [7, 8, 9, 10, 11, 12, 13]]
    assert splits.notes["images that cannot be read, left out"] == 2
    assert splits.notes["boxes in missing or damaged frames, dropped"] == 2


def test_broken_rows_warn_once_with_the_first(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 6)), frames=5)
    tracks = root / "gt/gt.txt"
    tracks.write_text(tracks.read_text() + "1,2\nx,1,1,1,1,1,1\n")
    with pytest.warns(UserWarning, match=rf"2 broken rows .*{tracks}:6: 2 columns") as caught:
        splits = mot.load(root)
    assert len(caught) == 1
    assert splits.notes == {"broken rows, dropped": 2}
    tracks.write_text("1,2\n")
    with pytest.raises(DatasetError, match="No row of a tracks file can be read"):
        mot.load(root)


def test_everything_dropped(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 4)), frames=5)
    with pytest.raises(DatasetError, match="nothing is left to cut"):
        mot.load(root)
    assert len(mot.load(root, min_frames=3).train) == 1


def test_a_folder_of_sequences(tmp_path: Path) -> None:
    make_sequence(tmp_path / "all/train/cam10", boxes(1, range(1, 6)), frames=5)
    make_sequence(tmp_path / "all/train/cam9", boxes(1, range(1, 5)), frames=5, size=(70, 40))
    make_sequence(tmp_path / "all/train/copy", boxes(1, range(1, 5)), frames=5)
    (tmp_path / "all/test/cam11/img1").mkdir(parents=True)
    splits = mot.load(tmp_path / "all")
    assert [(t.key, t.person_id, t.camera_id) for t in splits.train] == [
        ("train/cam9/1/000001", 1, 1),
        ("train/cam10/1/000001", 2, 2),
    ]
    assert splits.notes == {"sequences with the tracks of another, left out": 1}


def test_root_too_high_and_too_deep(tmp_path: Path) -> None:
    sequence = make_sequence(tmp_path / "a/b/c/seq", boxes(1, range(1, 6)), frames=5)
    with pytest.raises(DatasetError, match=f"this folder is a sequence: {sequence}"):
        mot.load(sequence / "img1")
    with pytest.raises(DatasetError, match="no sequence found"):
        mot.load(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no sequence found"):
        mot.load(tmp_path / "empty")


def test_a_sequence_needs_frames(tmp_path: Path) -> None:
    write_mot(tmp_path / "seq/gt.txt", boxes(1, range(1, 6)))
    with pytest.raises(DatasetError, match=r"(?s)needs its frames.*neither"):
        mot.load(tmp_path / "seq")
    for name in ("a.mp4", "b.avi"):
        (tmp_path / "seq" / name).touch()
    with pytest.raises(DatasetError, match=r"a\.mp4.*b\.avi"):
        mot.load(tmp_path / "seq")


def test_folder_of_images_from_seqinfo(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 6)), frames=5)
    (root / "img1").rename(root / "pictures")
    (root / "seqinfo.ini").write_text("[Sequence]\nname=x\nimDir=pictures\n")
    assert len(mot.load(root).train) == 1
    (root / "seqinfo.ini").write_text("imDir=pictures\n")
    with pytest.raises(DatasetError, match=r"seqinfo\.ini"):
        mot.load(root)


@pytest.mark.parametrize(
    "wrong",
    [{"tracklet_len": 0}, {"gap": -1}, {"min_height": 0}, {"min_frames": 17}, {"min_visibility": -0.5}],
)
def test_wrong_options(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="mot: "):
        load_dataset("mot", make_sequence(tmp_path / "seq", boxes(1, range(1, 6)), frames=5), **wrong)


@pytest.mark.usefixtures("_empty_cache")
def test_cached_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 9)), frames=8)
    reads = []
    monkeypatch.setattr(mot_cutting, "read_image", lambda path: reads.append(path) or read_image(path))
    first = mot.load(root)
    assert len(reads) == 8
    assert mot.load(root) == first
    assert len(reads) == 8
    mot.load(root, min_frames=5)
    assert len(reads) == 16
    os.utime(root / "img1/000003.jpg", ns=(0, 0))
    mot.load(root)
    assert len(reads) == 24


@pytest.mark.usefixtures("_empty_cache")
def test_a_killed_run_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 9)), frames=8)

    def die(path: Path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mot_cutting, "read_image", lambda p: die(p) if p.stem == "000005" else read_image(p))
        with pytest.raises(KeyboardInterrupt):
            mot.load(root)
    assert list((cache_dir() / "mot").iterdir()) == []
    assert frame_numbers(mot.load(root).train[0]) == list(range(1, 9))


def _load_in_a_process(root: Path) -> list[str]:
    return [t.key for t in mot.load(root).train]


@pytest.mark.usefixtures("_empty_cache")
def test_two_processes_at_once(tmp_path: Path) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 41)), frames=40)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        first, second = pool.map(_load_in_a_process, [root, root], chunksize=1)
    assert first == second == ["seq/1/000001", "seq/1/000033"]
    assert len(list((cache_dir() / "mot").iterdir())) == 1


@pytest.mark.usefixtures("_empty_cache")
def test_somebody_else_was_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_sequence(tmp_path / "seq", boxes(1, range(1, 9)), frames=8)
    cut = mot_cutting._cut_into

    def slow(workshop: Path, *rest) -> None:
        cut(workshop, *rest)
        with monkeypatch.context() as patch:
            patch.setattr(mot_cutting, "_cut_into", cut)
            mot.load(root)

    monkeypatch.setattr(mot_cutting, "_cut_into", slow)
    assert len(mot.load(root).train) == 1
    assert len(list((cache_dir() / "mot").iterdir())) == 1


options = st.builds(
    CutOptions, tracklet_len=st.integers(3, 9), gap=st.integers(0, 9), min_height=st.just(1),
    min_width=st.just(1), min_visibility=st.just(0.0), min_frames=st.integers(1, 3),
)  # fmt: skip


@given(st.sets(st.integers(1, 80)), options)
def test_plan(frames: set[int], cut: CutOptions) -> None:
    pieces, _ = plan_tracklets(sorted(frames), cut)
    for piece in pieces:
        assert cut.min_frames <= len(piece) <= cut.tracklet_len
        assert piece == list(range(piece[0], piece[-1] + 1))
        assert set(piece) <= frames
    for one, two in itertools.pairwise(pieces):
        assert two[0] - one[-1] > cut.gap
    for start in frames:  # nothing that could still be a tracklet is left over
        run = set(range(start, start + cut.tracklet_len))
        if run <= frames:
            assert any(min(run) - cut.gap <= frame <= max(run) + cut.gap for p in pieces for frame in p)


@pytest.mark.parametrize(
    ("name", "persons", "tracklets"), [("pets_s2l1", 19, 147), ("tud", 18, 55), ("mot17_mini", 107, 107)]
)
def test_real_sequences(shared: Path, name: str, persons: int, tracklets: int) -> None:
    splits = load_dataset("mot", shared / "video" / name)
    assert len({t.person_id for t in splits.train}) == persons
    assert len(splits.train) == tracklets
    assert all(frame.is_file() for t in splits.train for frame in t.frames)


def test_boxes_fit_the_video(shared: Path) -> None:
    """A crop of the video, cut here by hand, is the crop in the cache."""
    av = pytest.importorskip("av")
    tracklet = load_dataset("mot", shared / "video/pets_s2l1").train[0]
    track, frame = tracklet.key.split("/")[1], int(tracklet.frames[3].stem)
    rows = [line.split(",") for line in (shared / "video/pets_s2l1/gt.txt").read_text().splitlines()]
    left, top, width, height = next(map(float, r[2:6]) for r in rows if r[:2] == [str(frame), track])
    with av.open(str(shared / "video/pets_s2l1/vtest.avi")) as video:
        image = next(f for k, f in enumerate(video.decode(video=0), 1) if k == frame).to_ndarray(
            format="rgb24"
        )
    expected = image[round(top) : round(top + height), round(left) : round(left + width)]
    difference = read_image(tracklet.frames[3]).astype(int) - expected
    assert np.abs(difference).mean() < 4


def test_a_video_that_ends_early(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    whole = (shared / "video/pets_s2l1/vtest.avi").read_bytes()
    (tmp_path / "seq").mkdir()
    (tmp_path / "seq/vtest.avi").write_bytes(whole[: len(whole) // 16])
    (tmp_path / "seq/gt.txt").write_bytes((shared / "video/pets_s2l1/gt.txt").read_bytes())
    with pytest.warns(UserWarning, match="frames up to the damage are used"):
        splits = mot.load(tmp_path / "seq")
    assert 0 < len(splits.train) < 20
    assert splits.notes["boxes in missing or damaged frames, dropped"] > 4000
