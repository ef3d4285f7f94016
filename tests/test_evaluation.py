import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stca.evaluation
from stca.cli import main
from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.errors import DatasetError, RankingError
from stca.evaluation import applicable_protocols, embed_test_set, evaluate, score, score_with_distractors
from stca.models import ReIDModel, create_model
from stca.tracklets import Embeddings, Splits, Tracklet


@pytest.fixture(scope="module")
def colours() -> ReIDModel:
    return create_model("colour_histogram", num_ids=0, image_size=(32, 16), stripes=2, bins=4)


@pytest.fixture(scope="module")
def splits(people: Path) -> Splits:
    return load_dataset("folder", people)


OPTIONS = {"device": "cpu", "workers": 0}


def test_people_in_their_own_colours_are_all_found(colours: ReIDModel, splits: Splits) -> None:
    (metrics,) = evaluate(colours, splits, **OPTIONS)
    assert metrics.protocol == "cross-camera"
    assert metrics.metric == "cosine"
    assert metrics.num_queries == 16
    assert metrics.cmc[0] == metrics.mean_ap == 1


def test_every_protocol_is_scored_and_names_itself(colours: ReIDModel, splits: Splits) -> None:
    names = ("same-track", "cross-camera")
    results = evaluate(colours, replace(splits, protocols=names), metric="euclidean", **OPTIONS)
    assert [(r.protocol, r.metric) for r in results] == [(name, "euclidean") for name in names]
    results = evaluate(colours, splits, protocols=names[:1], **OPTIONS)
    assert [r.protocol for r in results] == ["same-track"]


def test_a_tracklet_that_asks_and_answers_is_embedded_once(
    colours: ReIDModel, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Tracklet] = []
    real = stca.evaluation.embed_tracklets
    monkeypatch.setattr(
        stca.evaluation,
        "embed_tracklets",
        lambda model, rows, **o: asked.extend(rows) or real(model, rows, **o),
    )
    part = replace(splits, query=splits.query[5:8], gallery=splits.gallery[::-1][:12])
    test = embed_test_set(colours, part, **OPTIONS)
    assert len(asked) == len(set(asked)) == len({*part.query, *part.gallery})
    assert test.query.keys == tuple(t.key for t in part.query)
    assert test.gallery.keys == tuple(t.key for t in part.gallery)
    row = dict(zip(test.gallery.keys, test.gallery.vectors, strict=True))
    for key, vector in zip(test.query.keys, test.query.vectors, strict=True):
        np.testing.assert_array_equal(vector, row[key])


def test_tracklets_of_one_name_in_two_parts_are_two(
    colours: ReIDModel, splits: Splits, make_people: Callable[..., Path]
) -> None:
    other = replace(splits.gallery[-1], key=splits.query[0].key)
    test = embed_test_set(colours, replace(splits, query=splits.query[:1], gallery=(other,)), **OPTIONS)
    assert test.query.keys == test.gallery.keys
    assert not np.allclose(test.query.vectors, test.gallery.vectors)


def test_options_reach_the_embedding(
    colours: ReIDModel, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def stop(model: ReIDModel, rows: object, **options: object) -> None:
        seen.update(options)
        raise InterruptedError

    monkeypatch.setattr(stca.evaluation, "embed_tracklets", stop)
    options = {
        "clip_len": 5,
        "batch_size": 7,
        "precision": "bf16",
        "runtime": "torch",
        "neck": "before",
        **OPTIONS,
    }
    with pytest.raises(InterruptedError):
        evaluate(colours, splits, **options)
    assert seen == options


def test_another_function_may_embed_with_the_same_arguments(colours: ReIDModel, splits: Splits) -> None:
    asked: list[dict[str, object]] = []

    def embed(model: ReIDModel, rows: Sequence[Tracklet], **options: object) -> Embeddings:
        asked.append(options)
        return embed_tracklets(model, rows[::-1], **options).subset(range(len(rows))[::-1])

    found, expected = (embed_test_set(colours, splits, embed=each, **OPTIONS) for each in (embed, None))
    assert len(asked) == 1
    assert found.query.keys == expected.query.keys
    np.testing.assert_allclose(found.gallery.vectors, expected.gallery.vectors, rtol=1e-5)


@pytest.mark.parametrize("part", ["query", "gallery"])
def test_a_data_set_without_a_test_half_says_so(colours: ReIDModel, splits: Splits, part: str) -> None:
    with pytest.raises(DatasetError, match=r"no test half[\s\S]*found: .*\b0 "):
        evaluate(colours, replace(splits, **{part: ()}), **OPTIONS)


def test_a_protocol_that_does_not_exist_or_fit_is_a_ranking_error(colours: ReIDModel, splits: Splits) -> None:
    test = embed_test_set(colours, splits, **OPTIONS)
    with pytest.raises(RankingError, match="no protocol 'mars'"):
        score(test, ["mars"])
    with pytest.raises(RankingError):
        score(test, ["mars-A"])  # the queries are in the gallery


def one_camera(splits: Splits) -> Splits:
    """As if all tracklets were seen by camera 3."""
    query, gallery = ([replace(t, camera_id=3) for t in part] for part in (splits.query, splits.gallery))
    return replace(splits, query=tuple(query), gallery=tuple(gallery), protocols=("cross-camera",))


def test_footage_of_one_camera_is_scored_by_same_track_and_that_is_said(
    colours: ReIDModel, splits: Splits
) -> None:
    with pytest.warns(
        UserWarning, match="no query of folder has an answer in another camera, so cross-camera"
    ):
        (metrics,) = evaluate(colours, one_camera(splits), **OPTIONS)
    assert metrics.protocol == "same-track"
    (expected,) = evaluate(colours, one_camera(splits), protocols=["same-track"], **OPTIONS)
    assert metrics.num_queries == expected.num_queries == len(splits.query)
    np.testing.assert_array_equal(metrics.average_precision, expected.average_precision)


def test_persons_of_one_camera_each_are_scored_by_same_track(colours: ReIDModel, splits: Splits) -> None:
    query, gallery = (
        tuple(replace(t, camera_id=t.person_id) for t in part) for part in (splits.query, splits.gallery)
    )
    with pytest.warns(UserWarning, match="same-track"):
        (metrics,) = evaluate(colours, replace(splits, query=query, gallery=gallery), **OPTIONS)
    assert metrics.protocol == "same-track"


def test_a_protocol_that_is_named_is_not_replaced(colours: ReIDModel, splits: Splits) -> None:
    with pytest.raises(RankingError, match=r"No query has an answer(.|\n)*same-track"):
        evaluate(colours, one_camera(splits), protocols=["cross-camera"], **OPTIONS)


def test_protocols_with_answers_stay(splits: Splits) -> None:
    both = ("cross-camera", "same-track")
    assert applicable_protocols(replace(splits, protocols=both)) == both
    with pytest.warns(UserWarning, match="mars-A, duke"):
        assert applicable_protocols(replace(one_camera(splits), protocols=("mars-A", "duke"))) == (
            "same-track",
        )
    # Nobody has a second tracklet: no protocol has an answer, and `rank` says so.
    single = replace(splits, query=splits.query[:1], gallery=splits.query[:1], protocols=("cross-camera",))
    assert applicable_protocols(single) == ("cross-camera",)


def test_evaluate_scores_one_camera_without_an_option(
    make_people: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "people"
    for part, seed in (("train", 0), ("query", 1), ("gallery", 2)):
        make_people(root / part, cameras=1, tracklets=2, seed=seed)
    words = ["evaluate", "colour_histogram", "--dataset", "folder", "--data", str(root), "--workers", "0"]
    with pytest.warns(UserWarning, match="has an answer in another camera"):
        assert main(words) == 0
    assert "protocol same-track" in capsys.readouterr().out
    assert main([*words, "--protocol", "cross-camera"]) == 1
    assert "No query has an answer" in capsys.readouterr().err


def test_the_command_draws_the_curve_and_begins_with_the_plain_figures(
    people: Path, make_people: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["evaluate", "colour_histogram", "--dataset", "folder", "--data", str(people), "--workers", "0"]
    assert main([*given, "--json", str(tmp_path / "plain.json")]) == 0
    others = make_people(tmp_path / "others", persons=2, seed=9)
    curve = ["--curve", str(tmp_path / "curve.png"), "--json", str(tmp_path / "curve.json")]
    assert main([*given, "--distractors", "3", "8", "--strangers", f"folder={others}", *curve]) == 0
    assert "tracklets of folder=" in capsys.readouterr().out
    plain = json.loads((tmp_path / "plain.json").read_text())["results"]
    found = json.loads((tmp_path / "curve.json").read_text())["results"]
    assert [row["distractors"] for row in found] == [0, 3, 8]
    assert {name: found[0][name] for name in plain[0]} == plain[0]
    assert found[2]["gallery_size"] == found[0]["gallery_size"] + 8
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 4
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--distractors", "3", "--strangers", "folder={people}"], "people who are not queried"),
        (["--distractors", "3", "--strangers", "people.csv"], "drawn, a file of `stca embed`"),
        (["--distractors", "3", "--rerank"], "--rerank"),
        (["--curve", "curve.png"], "--distractors"),
        (["--strangers", "people.npz"], "--distractors"),
    ],
)
def test_distractors_that_cannot_be_are_one_error(
    people: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["evaluate", "colour_histogram", "--dataset", "folder", "--data", str(people), "--workers", "0"]
    assert main([*given, *(option.format(people=people) for option in options)]) == 1
    assert complaint in capsys.readouterr().err


def test_the_test_set_in_another_precision_is_no_stranger_but_another_data_set_of_the_same_names_is(
    colours: ReIDModel, splits: Splits
) -> None:
    test = embed_test_set(colours, splits, **OPTIONS)
    rng = np.random.default_rng(0)
    for part in test:
        noise = 1e-3 * rng.standard_normal(part.vectors.shape) * np.abs(part.vectors).max()
        near = replace(part, vectors=(part.vectors + noise).astype(np.float32))
        with pytest.raises(RankingError, match=f"{len(part)} that are in both"):
            score_with_distractors(test, near, [3], ["cross-camera"])
    others = replace(test.gallery, vectors=rng.standard_normal(test.gallery.vectors.shape, dtype=np.float32))
    (curve,) = score_with_distractors(test, others, [3], ["cross-camera"])
    assert curve.sizes == (3,)


def test_a_file_of_strangers_must_be_of_the_model(
    people: Path, make_people: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "others.npz"
    root = tmp_path / "others"
    for part, seed in (("train", 7), ("query", 8), ("gallery", 9)):
        make_people(root / part, persons=2, seed=seed)
    colours, rest = "colour_histogram", ["--dataset", "folder", "--workers", "0"]
    assert main(["embed", colours, *rest, "--data", str(root), "--out", str(file)]) == 0
    given = [*rest, "--data", str(people), "--distractors", "2", "--strangers", str(file)]
    assert main(["evaluate", colours, *given]) == 0
    capsys.readouterr()
    for words, complaint in (
        (["stca_small"], r"not of this model[\s\S]*name colour_histogram"),
        ([colours, "--clip-len", "3"], r"not of this model[\s\S]*clip_len 3"),
        ([colours, "stca_small"], "vectors of one model"),
    ):
        assert main(["evaluate", *words, *given]) == 1
        assert re.search(complaint, capsys.readouterr().err)
    Embeddings.load(file).save(file)
    assert Embeddings.stored_model(file) == ""
    with pytest.warns(UserWarning, match="does not say which model"):
        assert main(["evaluate", colours, *given]) == 0
