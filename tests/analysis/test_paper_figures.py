"""The paper's figures as commands: numbers beside the pictures, captions, sizes."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.paper.run_options import RunOptions
from experiments.paper.tables import TABLES
from matplotlib.figure import Figure
from PIL import Image

from experiments.paper import drawing, figures
from sequences import TINY_MODEL
from stca import Embeddings, create_model, evaluation, load_dataset
from stca.analysis import clip_activation, smooth
from stca.config import DataConfig
from stca.recipes import recipe
from stca.tools.provenance import provenance
from stca.tracklets import Splits, Tracklet


@pytest.fixture(scope="module")
def splits(people: Path) -> Splits:
    return load_dataset("folder", people)


def table(tracklets: tuple[Tracklet, ...], seed: int) -> Embeddings:
    rng = np.random.default_rng(seed)
    persons = np.array([t.person_id for t in tracklets])
    cameras = np.array([t.camera_id for t in tracklets])
    vectors = (np.eye(8)[persons % 8] + 0.4 * rng.normal(size=(len(persons), 8))).astype(np.float32)
    return Embeddings(vectors, persons, cameras, tuple(t.key for t in tracklets))


def test_persons_are_drawn_once_each_by_the_seed() -> None:
    tracklets = [Tracklet((Path("x.jpg"),), 1 + i % 5, 1, f"t{i}") for i in range(40)]
    chosen = drawing.draw_persons(tracklets, 3, seed=2)
    assert len({t.person_id for t in chosen}) == 3
    assert chosen == drawing.draw_persons(tracklets, 3, seed=2)
    assert len({tuple(drawing.draw_persons(tracklets, 3, seed=seed)) for seed in range(9)}) > 5
    assert len(drawing.draw_persons(tracklets, 9)) == 5, "there are no more persons"


def test_figure4_gives_each_frames_numbers(splits: Splits) -> None:
    torch.manual_seed(0)
    size = {"num_ids": 2, "image_size": (64, 32), "width": 4, "layers": (1, 1, 1, 1)}
    models = {"2D-CNN": create_model("cnn2d_small", **size), "STCA": create_model("stca_small", **size)}
    drawn = drawing.attention(models, splits, data="people")
    frames = models["2D-CNN"].clip_len
    shown = drawing.draw_persons(splits.query, drawing.PERSONS)
    assert len(drawn.rows) == len(shown) * 3 * frames
    assert {row[1] for row in drawn.rows} == {"2D-CNN activation", "STCA activation", "STCA gate 1 + A_S"}
    key, name, frame, least, mean, most = drawn.rows[frames + 1]
    assert (key, name, frame) == (shown[0].key, "STCA activation", 2)
    values = clip_activation(models["STCA"], shown[0], clip_len=frames)[1]
    expected = values.min(), values.mean(), values.max()
    assert (float(least), float(mean), float(most)) == pytest.approx(expected, rel=1e-4)
    assert f"of {len(splits.query)} queries" in drawn.caption


def test_figure5_gives_every_match_and_counts_all_queries(splits: Splits) -> None:
    tests = [
        evaluation.TestSet(table(splits.query, seed), table(splits.gallery, seed + 9)) for seed in (1, 2)
    ]
    drawn = drawing.lists(*tests, splits, data="people", image_size=(48, 16))
    person = {t.key: t.person_id for t in (*splits.query, *splits.gallery)}
    rows = [dict(zip(drawn.header, row, strict=True)) for row in drawn.rows]
    assert {row["part"] for row in rows} == set("abcdef")
    for row in rows:
        assert row["right"] == (person[row["query"]] == person[row["gallery"]])
        assert row["person"] == person[row["gallery"]]
    for row in rows:
        if row["rank"] == 1 and row["kind"] == "only STCA right":
            assert row["right"] == (row["system"] == "STCA")
    counts = [
        int(word.split(": ")[1]) for word in drawn.caption.split("queries: ")[1].split(". ")[0].split(",")
    ]
    assert sum(counts) == len(splits.query)


def test_figure6_gives_the_curves() -> None:
    metrics = {
        label: [
            {"kind": "train", "step": 10 * i, "epoch": i, "total": 3 / i, "triplet": seed / i}
            for i in range(1, 80)
        ]
        for seed, label in enumerate(("cosine mining", "euclidean mining"), 1)
    }
    drawn = drawing.losses(metrics, data="people")
    assert drawn.header == ("run", "step", "epoch", "total", "triplet", "total_smoothed", "triplet_smoothed")
    assert len(drawn.rows) == 2 * 79
    raw = np.array([float(row[4]) for row in drawn.rows[79:]])
    np.testing.assert_allclose(raw, [2 / i for i in range(1, 80)], rtol=1e-4)
    np.testing.assert_allclose([float(row[6]) for row in drawn.rows[79:]], smooth(raw, 3), rtol=1e-4)
    assert "mean over 3 logged values" in drawn.caption


@pytest.mark.parametrize("photos", [True, False])
def test_pictures_stay_below_the_limit(photos: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "LIMIT", 60_000)
    figure = Figure(figsize=(2, 2))
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    figure.add_axes((0, 0, 0.7, 0.7)).imshow(noise, interpolation="bicubic")
    data = drawing.DrawnFigure(figure, "", (), [], photos=photos).png()
    assert len(data) <= 60_000
    image = Image.open(io.BytesIO(data))
    assert image.mode == ("P" if photos else "RGB")
    assert image.width > (250 if photos else 100)


def test_all_three_from_the_command(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DataConfig(source="folder", roots=(str(people),))  # quicker than walkers
    monkeypatch.setattr(RunOptions, "_place", lambda *_: data)
    settings = ["--set", *TINY_MODEL]
    call = ["all", "--tiny", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert figures.main([*call, *settings]) == 0
    for name in figures.FIGURES:
        assert Image.open(tmp_path / "out" / f"{name}.png").width > 600
        header, *rows = csv.reader((tmp_path / "out" / f"{name}.csv").open())
        assert rows
        assert all(len(row) == len(header) for row in rows)
        page = (tmp_path / "out" / f"{name}.md").read_text()
        assert f"python -m experiments.paper.figures {name} --seeds 0 --tiny --set" in page
        assert all(recipe in page for recipe in figures.FIGURES[name])
        assert provenance()["machine"] + " |" in page, "who trained the runs, not only who drew them"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("model.safetensors")}
    assert len(before) == 4
    assert figures.main(["figure6", *call[1:], *settings]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}, "nothing is trained again"
    assert "done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figure", "row"),
    [("figure4", "2D-CNN with Cosine"), ("figure5", "2D-CNN"), ("figure6", "STCA with Cosine")],
)
def test_a_figure_shows_the_row_of_table_2_that_the_paper_names(figure: str, row: str) -> None:
    [recipes] = [each.recipes for each in TABLES["table2"].rows if each.label == row]
    assert set(recipes[2:]) & set(figures.FIGURES[figure])
    assert ("euclidean" in [recipe(name).loss.metric for name in figures.FIGURES[figure]]) == (
        figure != "figure4"
    )


def test_without_data_there_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert figures.main(["figure5", "--runs", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "--data mars=" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
