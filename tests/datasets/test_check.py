import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.datasets import check
from stca.datasets.check import CheckReport, check_dataset
from stca.datasets.counts import Counts, PartCounts, count_unanswered
from stca.errors import ConfigError, RankingError
from stca.ranking import PROTOCOLS, Labels, Protocol, rank_distances
from stca.tracklets import Splits, Tracklet

TRAIN = [(1, 1, 3), (1, 2, 2)]
TEST = [(-1, 1, 2), (0, 3, 2), (2, 1, 3), (2, 2, 1)]


@pytest.fixture
def mars(make_mars, jpegs, tmp_path: Path) -> Path:
    root = make_mars(tmp_path / "MARS", train=TRAIN, test=TEST, query=[3])
    for part in ("train", "test"):
        for name in (root / "info" / f"{part}_name.txt").read_text().split():
            jpegs(root / f"bbox_{part}" / name[:4], name)
    return root


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Every root that was really loaded."""
    monkeypatch.setenv("STCA_CACHE", str(tmp_path / "cache"))
    calls: list[Path] = []
    load = check.load_dataset
    monkeypatch.setattr(
        check, "load_dataset", lambda s, root, **more: calls.append(root) or load(s, root, **more)
    )
    return calls


def test_counts_beside_the_published_ones(mars: Path) -> None:
    report = check_dataset("mars", mars)
    assert report.problems == ()
    assert report.found.parts["train"] == PartCounts(1, 2, 5, 2, (2, 2.5, 3))
    assert report.found.unanswered == {"mars-A": 0, "mars-B": 0}
    assert "train, persons: 1 instead of 625" in report.differences
    assert not report.complete
    text = report.table()
    assert "2 / 2.5 / 3" in text
    assert "509914" in text
    assert "  1 junk tracklets left out, published: 870\n" in text
    assert "  1 distractor tracklets in the gallery, published: 3248\n" in text
    assert "  0 queries without an answer (mars-A), published: 140\n" in text
    assert "  0 queries without an answer (mars-B), published: 0\n" in text
    assert text.endswith("query_IDX: rows of the test table (from 1) that ask")


def test_complete(mars: Path) -> None:
    report = check_dataset("walkers", mars, decode=True)
    assert report.complete
    assert report.decoded == 11
    assert "11 frames decoded" in report.table()
    assert "complete" in report.table()


def test_missing_and_damaged_frames(mars: Path) -> None:
    shutil.rmtree(mars / "bbox_test/0000")
    (mars / "bbox_train/0001/0001C1T0001F002.jpg").unlink()
    damaged = mars / "bbox_train/0001/0001C1T0001F003.jpg"
    damaged.write_bytes(damaged.read_bytes()[:100])
    (mars / "bbox_test/0002/0002C1T0003F001.jpg").write_bytes(b"")
    report = check_dataset("walkers", mars, decode=True)
    text = "\n".join(report.problems)
    assert f"missing in {mars}/bbox_test/0000: 2 of 2 frames, the first is 0000C3T0002F001.jpg" in text
    assert f"missing in {mars}/bbox_train/0001: 1 of 5 frames, the first is 0001C1T0001F002.jpg" in text
    assert f"damaged frame {damaged}" in text
    assert f"damaged frame {mars}/bbox_test/0002/0002C1T0003F001.jpg: an empty file" in text
    assert len(report.problems) == 4
    assert not report.complete


def test_many_problems_are_summed_up(touch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [tmp_path / f"p/c/t{n}" / "1.jpg" for n in range(15)]
    splits = Splits("x", tuple(Tracklet((f,), 1, 1, str(f)) for f in frames), (), ())
    monkeypatch.setattr(check, "load_dataset", lambda *_, **__: splits)
    report = check_dataset("folder", tmp_path)
    assert len(report.problems) == 11
    assert report.problems[-1] == "missing in all: 15 frames, in 15 folders"
    for frame in frames:
        touch(frame.parent, "1.jpg")
    assert check_dataset("folder", tmp_path, decode=True).problems[-1] == "15 frames are damaged in all"


def test_trouble_with_the_data_is_reported_not_raised(mars: Path) -> None:
    (mars / "info/query_IDX.mat").unlink()
    report = check_dataset("mars", mars)
    assert report.differences == ()
    assert len(report.problems) == 1
    assert "info/query_IDX.mat" in report.problems[0]
    assert report.table().count("bbox_train/0001/") == 1
    assert "  - junk tracklets left out, published: 870" in report.table()
    assert not report.complete
    with pytest.raises(ConfigError, match="no data set"):
        check_dataset("marz", mars)
    with pytest.raises(ConfigError, match="no split 3"):
        check_dataset("mars", mars, split=3)


def test_a_clean_report_is_remembered(mars: Path, loads: list[Path]) -> None:
    first = check_dataset("mars", mars)
    assert check_dataset("mars", str(mars)) == first
    assert len(loads) == 1
    for loaded in (2, 3):  # pictures may rot without a trace in their folders
        assert check_dataset("walkers", mars, decode=True).complete
        assert len(loads) == loaded


@pytest.mark.parametrize(
    "changed", ["info/query_IDX.mat", "info/test_name.txt", "bbox_train", "bbox_test/0002", "."]
)
def test_a_changed_root_is_noticed(mars: Path, loads: list[Path], changed: str) -> None:
    check_dataset("mars", mars)
    os.utime(mars / changed, ns=(1, 1))
    check_dataset("mars", mars)
    assert len(loads) == 2


def test_a_moved_root_is_noticed(mars: Path, loads: list[Path]) -> None:
    check_dataset("mars", mars)
    moved = mars.rename(mars.parent / "elsewhere")
    assert check_dataset("mars", moved).root == str(moved)
    assert not check_dataset("mars", mars).complete
    assert loads == [mars, moved, mars]


def test_problems_are_not_remembered(mars: Path, loads: list[Path], jpegs) -> None:
    lost = mars / "bbox_train/0001/0001C1T0001F002.jpg"
    lost.write_bytes(b"")
    assert check_dataset("walkers", mars, decode=True).problems
    jpegs(lost.parent, lost.name)
    assert check_dataset("walkers", mars, decode=True).complete


def test_damaged_memory_is_ignored(mars: Path, loads: list[Path], tmp_path: Path) -> None:
    first = check_dataset("mars", mars)
    (memory,) = (tmp_path / "cache/check").iterdir()
    for text in ("", "{", "[]", "{}"):
        memory.write_text(text)
        assert check_dataset("mars", mars) == first
    assert len(loads) == 5


def test_a_protocol_that_does_not_exist(mars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = Splits("x", (), (), (), protocols=("mars-C",))
    monkeypatch.setattr(check, "load_dataset", lambda *_, **__: splits)
    (problem,) = check_dataset("folder", mars).problems
    assert "no protocol 'mars-C'" in problem


def test_loader_of_your_own(mars: Path) -> None:
    report = check_dataset("stca.datasets.mars:load", mars)
    assert report.complete
    assert report.layout.startswith("ROOT/")


def test_unanswered_per_protocol() -> None:
    def tracklet(person: int, camera: int, key: str) -> Tracklet:
        return Tracklet((Path("x.jpg"),), person, camera, key)

    query = (tracklet(1, 1, "a"), tracklet(2, 1, "b"), tracklet(1, 2, "c"))
    gallery = (tracklet(1, 1, "d"), tracklet(2, 1, "e"), tracklet(0, 2, "f"))
    splits = Splits("x", (), query, gallery)
    assert count_unanswered(splits, "cross-camera") == 2  # a and b
    assert count_unanswered(splits, "mars-B") == 1  # b: c answers a
    assert count_unanswered(splits, "same-track") == 0
    alone = Splits("x", (), gallery, gallery)
    assert count_unanswered(alone, "same-track") == 3


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(PROTOCOLS.values())))
def test_unanswered_as_the_ranking_counts_them(seed: int, protocol: Protocol) -> None:
    rng = np.random.default_rng(seed)

    def some(count: int, prefix: str) -> tuple[Tracklet, ...]:
        return tuple(
            Tracklet((Path("x.jpg"),), int(person), int(camera), f"{prefix}{row}")
            for row, (person, camera) in enumerate(
                zip(rng.integers(-1, 4, count), rng.integers(0, 3, count), strict=True)
            )
        )

    def labels(tracklets: tuple[Tracklet, ...]) -> Labels:
        people, cameras = (np.array([getattr(t, n) for t in tracklets]) for n in ("person_id", "camera_id"))
        return Labels(people, cameras, tuple(t.key for t in tracklets))

    query, gallery = some(rng.integers(1, 6), "q"), some(rng.integers(1, 8), "g")
    if protocol.queries_in_gallery is None and rng.random() < 0.5:
        gallery += query
    splits = Splits("x", (), query, gallery)
    answering = gallery + query if protocol.queries_in_gallery else gallery
    distances = np.zeros((len(query), len(answering)))
    try:
        ranked = rank_distances(distances, labels(query), labels(answering), protocol=protocol)
        expected = ranked.num_unanswerable
    except RankingError:  # no query has an answer
        expected = sum(t.person_id >= 0 for t in query)
    assert count_unanswered(splits, protocol.name) == expected


def test_report_without_published_counts() -> None:
    report = CheckReport("x", "r", Counts({"train": PartCounts(1, 2, 3, 4)}), Counts(), (), "L")
    assert report.complete
    assert "published" not in report.table()
