"""Costs, ranked lists, attention pictures, curves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sequences import tiny_sequence
from stca import ConfigError, Embeddings, create_model, load_dataset, measure_complexity, rank
from stca.analysis import (
    attention_figure,
    clip_attention,
    curves_figure,
    ranked_lists,
    ranked_lists_figure,
    sample_lists,
    save_figure,
)
from stca.tracklets import Splits


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory, monkeypatch_module: pytest.MonkeyPatch) -> Splits:
    root = tmp_path_factory.mktemp("sequence")
    monkeypatch_module.setenv("STCA_CACHE", str(root / "cache"))
    return load_dataset("mot", tiny_sequence(root / "cam1"), tracklet_len=6, gap=2)


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def embeddings(rng: np.random.Generator, rows: int, *, tag: str) -> Embeddings:
    return Embeddings(
        rng.normal(size=(rows, 5)).astype(np.float32),
        rng.integers(-1, 6, rows),
        rng.integers(1, 4, rows),
        tuple(f"{tag}{i}" for i in range(rows)),
    )


def test_complexity_of_the_paper_and_of_more_frames() -> None:
    model = create_model("stca", num_ids=625)
    costs = {frames: measure_complexity(model, (1, frames, 3, 384, 128)) for frames in (1, 8)}
    assert costs[1].parameters == 41_873_106
    assert costs[1].multiply_adds == 12_967_975_424
    assert costs[8].multiply_adds == 67_672_217_600
    parts = {part.name: part for part in costs[1].parts}
    assert parts["attention"].parameters == 2_514
    assert parts["head"].parameters == 1_284_096
    assert parts["2D to conv4_x"].parameters == 8_543_296
    assert parts["2D from there"].parameters == 14_964_736
    assert parts["3D"].parameters == 17_078_464
    assert "(1, 8, 3, 384, 128)" in costs[8].table()
    assert next(model.parameters()).device.type == "cpu", "the model itself stays where it is"


def test_complexity_refuses_another_size() -> None:
    with pytest.raises(ConfigError, match="384, 128"):
        measure_complexity(create_model("stca", num_ids=2), (1, 1, 3, 256, 128))


@pytest.mark.parametrize("protocol", ["cross-camera", "mars-A", "mars-B", "mars-A-no-distractors"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_ranked_lists_agree_with_rank(protocol: str, metric: str) -> None:
    rng = np.random.default_rng(0)
    query, gallery = embeddings(rng, 40, tag="q"), embeddings(rng, 120, tag="g")
    lists = ranked_lists(query, gallery, k=200, protocol=protocol, metric=metric)
    metrics = rank(query, gallery, protocol=protocol, metric=metric)
    assert tuple(each.query for each in lists) == metrics.keys
    first = [next(i for i, match in enumerate(each.matches, 1) if match.right) for each in lists]
    assert first == metrics.first_match.tolist()
    person = dict(zip(gallery.keys + query.keys, [*gallery.person_ids, *query.person_ids], strict=True))
    for each in lists:
        distances = [match.distance for match in each.matches]
        assert distances == sorted(distances)
        assert all(match.right == (person[match.key] == person[each.query]) for match in each.matches)
        assert each.query not in [match.key for match in each.matches]


def test_a_list_ends_where_the_gallery_does() -> None:
    one = Embeddings(np.eye(2, dtype=np.float32), np.array([1, 1]), np.array([1, 2]), ("a", "b"))
    lists = ranked_lists(one, one, k=8)
    assert [[match.key for match in each.matches] for each in lists] == [["b"], ["a"]]


def test_pick_shows_right_and_wrong() -> None:
    rng = np.random.default_rng(1)
    lists = ranked_lists(embeddings(rng, 80, tag="q"), embeddings(rng, 80, tag="g"))
    chosen = sample_lists(lists, 6)
    assert len({each.query for each in chosen}) == 6
    assert sum(not each.first_right for each in chosen) == 3


def test_pictures_are_drawn(splits: Splits, tmp_path: Path) -> None:
    model = create_model("stca_small", num_ids=2, image_size=(64, 32), width=4, layers=(1, 1, 1, 1)).eval()
    clip = clip_attention(model, splits.query[0], clip_len=4)
    assert clip.frames.shape == (4, 64, 32, 3)
    assert clip.spatial.shape == clip.temporal.shape == (4, 4, 2)
    np.testing.assert_allclose(clip.spatial.sum(axis=(1, 2)), 9, rtol=1e-5)
    rng = np.random.default_rng(0)
    keys = tuple(t.key for t in splits.gallery)
    ids = np.array([t.person_id for t in splits.gallery])
    table = Embeddings(rng.normal(size=(len(ids), 3)).astype(np.float32), ids, np.ones_like(ids), keys)
    lists = ranked_lists(table, table, protocol="same-track")
    by_key = {t.key: t for t in splits.gallery}
    for name, figure in {
        "attention.png": attention_figure([clip]),
        "ranks.pdf": ranked_lists_figure(lists[:2], by_key),
        "curves.svg": curves_figure({"a": METRICS}),
    }.items():
        assert save_figure(figure, tmp_path / name).stat().st_size > 3000


def test_a_model_without_attention_has_no_maps(splits: Splits) -> None:
    with pytest.raises(ConfigError, match="cross attention"):
        clip_attention(create_model("colour_histogram", num_ids=0), splits.query[0])


METRICS = [
    {"kind": kind, "step": step, "total": 2.0, "triplet": 0.2, "identity": 1.0, "center": 9.0, "p/mAP": 0.5}
    for step in (1, 2, 3)
    for kind in ("train", "eval")
]


def test_curves_have_a_line_per_run_and_term() -> None:
    figure = curves_figure({"a": METRICS, "b": METRICS})
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 2, 2, 2]
    with pytest.raises(ConfigError, match="no training step"):
        curves_figure({"empty": []})


def test_figures_have_a_pictures_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png"):
        save_figure(curves_figure({"a": METRICS}), tmp_path / "x.txt")


def test_nothing_is_computed_while_counting() -> None:
    model = create_model("stca_small", num_ids=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    measure_complexity(model, (4, 4, 3, 128, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
