"""The attention study: its measures against slow ones, its page, and the whole of it once, very small."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.attention.measurements import Case, Measurement, read_table, to_csv
from experiments.attention.study import SYSTEMS, main, twin_accuracy
from experiments.paper.cached_runs import Run

from experiments.attention import page as study_page
from experiments.attention import study as attention_study
from sequences import tiny_walkers
from stca import evaluation
from stca.errors import ConfigError
from stca.tools.devices import resolve_precision
from stca.tracklets import Embeddings


def embeddings(vectors: np.ndarray, persons: list[int], cameras: list[int]) -> Embeddings:
    keys = tuple(f"{i}" for i in range(len(persons)))
    return Embeddings(vectors.astype(np.float32), np.array(persons), np.array(cameras), keys)


def test_twin_accuracy_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    persons = [int(p) for p in rng.integers(1, 9, 40)]
    cameras = [int(c) for c in rng.integers(1, 4, 40)]
    vectors = rng.normal(size=(40, 5)) + np.array(persons)[:, None]
    query, gallery = (
        embeddings(vectors[part], persons[part], cameras[part]) for part in (slice(15), slice(15, None))
    )
    right = []
    for q in range(15):
        best = {}
        for g in range(25):
            if gallery.camera_ids[g] == query.camera_ids[q]:
                continue
            a, b = query.vectors[q], gallery.vectors[g]
            distance = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            who = int(gallery.person_ids[g])
            best[who] = min(best.get(who, np.inf), distance)
        own = int(query.person_ids[q])
        twin = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7}[own]
        if own in best and twin in best:
            right.append(best[own] < best[twin])
    assert 0 < sum(right) < len(right)
    assert twin_accuracy(evaluation.TestSet(query, gallery)) == pytest.approx(np.mean(right))


def test_vectors_that_tell_nothing_give_chance() -> None:
    same = np.ones((8, 3))
    test = evaluation.TestSet(
        embeddings(same[:4], [1, 2, 3, 4], [1] * 4), embeddings(same[:4], [1, 2, 3, 4], [2] * 4)
    )
    assert twin_accuracy(test) == 0.5


def test_the_interval_is_students() -> None:
    mean, half = study_page.interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (mean, half) == pytest.approx((3.0, 2.776 * np.sqrt(2.5 / 5)), abs=1e-3)
    assert np.isnan(study_page.interval([1.0])[1])


def measured() -> list[Measurement]:
    rng = np.random.default_rng(0)
    return [
        Measurement(Case(data, system, seed), "0" * 12, 7, *(0.5 + 0.1 * rng.random(3)))
        for data in ("plain", "twins")
        for system in SYSTEMS
        for seed in range(3)
    ]


def test_the_page_holds_every_system_and_marks_differences_beyond_the_interval(tmp_path: Path) -> None:
    found = [
        dataclasses.replace(m, rank1=0.9 + m.case.seed / 1000) if m.case.system == "STCA" else m
        for m in measured()
    ]
    given = attention_study.parser().parse_args(["--out", str(tmp_path), "--seeds", "0", "1", "2"])
    page, table, picture = study_page.write(found, given)
    text = page.read_text()
    assert all(text.count(f"| {system} |") >= 2 for system in SYSTEMS)
    rows = re.findall(r"^\| cnn2d \| (\*\*)?\+", text, re.MULTILINE)
    assert rows == ["**", "**"]
    assert len(table.read_text().splitlines()) == 1 + len(found)
    assert picture.stat().st_size > 10_000


def test_a_page_says_which_runs_were_trained_where(tmp_path: Path) -> None:
    found = [
        dataclasses.replace(
            m,
            commit="old" if m.case == ("twins", "sum", 1) else "new",
            machine="a Xeon",
            precision="bf16" if m.case == ("plain", "STCA", 2) else "float32",
        )
        for m in measured()
    ]
    given = attention_study.parser().parse_args(["--out", str(tmp_path), "--seeds", "0", "1", "2"])
    text = study_page.write(found, given)[0].read_text()
    assert "- old, a Xeon, float32: sum (1).\n" in text
    assert "- new, a Xeon, bf16: STCA (2).\n" in text
    plain, twins = text[text.index("## plain") : text.index("## twins")], text[text.index("## twins") :]
    assert "precision with STCA's run: sum (seed 1)." in twins
    assert plain.count("(seed 2)") == len(SYSTEMS) - 1, "all but STCA itself"


def test_rows_of_before_there_was_a_precision_are_read(tmp_path: Path) -> None:
    found = [dataclasses.replace(m, precision="bf16") for m in measured()]
    text = to_csv(found)
    file = tmp_path / "attention_study.csv"
    older = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
    for content in (older, text.splitlines()[0] + older[older.index("\n") :]):
        file.write_text(content)
        read = list(read_table(file).values())
        assert {m.precision for m in read} == {""}
        assert to_csv(dataclasses.replace(m, precision="bf16") for m in read) == text


def test_figures_that_cannot_be_read_are_not_written_over(tmp_path: Path) -> None:
    given = attention_study.parser().parse_args(["--out", str(tmp_path)])
    file = tmp_path / "attention_study.csv"
    damaged = to_csv(measured()).replace("twins,STCA,1", "<<<<<<<", 1)
    file.write_text(damaged)
    with pytest.raises(ConfigError, match=r"cannot be read[\s\S]*attention_study\.csv"):
        study_page.write(measured(), given)
    assert file.read_text() == damaged


def small_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words of a study of seconds."""
    root = tiny_walkers(tmp_path / "walkers")
    monkeypatch.setattr(attention_study, "_root", lambda *_: root)
    monkeypatch.setattr(attention_study, "_make_data", lambda *_: None)
    monkeypatch.setattr(attention_study, "SIZE", (32, 16))
    words = ["--seeds", "0", "--persons", "4", "--jobs", "1", "--systems", "cnn2d", "STCA", "--data", "twins"]
    words += ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    words += [
        "--set",
        "model.options.layers=[1,1,1,1]",
        "optim.epochs=1",
        "optim.milestones=[]",
        "batch.identities=2",
        "batch.instances=2",
    ]
    return [*words, "optim.warmup_epochs=0", "clips.clip_len=2"]


def test_the_whole_study_once_and_again_from_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = small_study(tmp_path, monkeypatch)
    table = tmp_path / "out" / "attention_study.csv"
    assert main([*words, "--known"]) == 1
    assert main(words) == 0
    first = table.read_text()
    assert len(first.splitlines()) == 3
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/cells/*/finished.json")}
    assert len(stamps) == 2
    assert main(words) == 0
    assert table.read_text() == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/cells/*/finished.json")} == stamps
    assert main([*words, "--known"]) == 0
    assert table.read_text() == first
    next(tmp_path.glob("runs/cells/*/study.json")).write_text("{")
    assert main(words) == 0
    assert table.read_text() == first
    shutil.rmtree(tmp_path / "runs")  # what the CSV holds is not trained again, what it lost is
    assert main(words) == 0
    assert not (tmp_path / "runs" / "cells").exists()
    assert table.read_text() == first
    table.write_text("".join(first.splitlines(keepends=True)[:2]))
    assert main(words) == 0
    assert len(list(tmp_path.glob("runs/cells/*/finished.json"))) == 1
    assert len(table.read_text().splitlines()) == 3


def test_a_call_adds_to_the_record_and_shows_its_own_runs_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = small_study(tmp_path, monkeypatch)
    out = tmp_path / "out"
    others = measured()
    out.mkdir()
    (out / "attention_study.csv").write_text(to_csv(others))
    assert main([*words, "--known"]) == 1, "the same cases by another key"
    assert "None of these runs has been measured yet" in capsys.readouterr().err
    assert main(words) == 0
    found = read_table(out / "attention_study.csv")
    assert len(found) == len(others) + 2
    assert to_csv(found[m.case, m.key] for m in others) == to_csv(others)
    mine = [m for m in found.values() if m.key != others[0].key]
    assert {m.precision for m in mine} == {resolve_precision("auto", torch.device("cpu"))}
    page = (out / "attention_study.md").read_text()
    assert "| cnn3d |" not in page
    shutil.rmtree(tmp_path / "runs")
    assert main([*words, "--known"]) == 0
    assert (out / "attention_study.md").read_text().count("| STCA |") == page.count("| STCA |")
    assert read_table(out / "attention_study.csv").keys() == found.keys()


def test_what_is_known_needs_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(attention_study.SETUPS["plain"], frames=(2, 2))
    monkeypatch.setitem(attention_study.SETUPS, "plain", short)
    words = ["--seeds", "0", "--data", "plain", "--persons", "4", "--out", str(tmp_path)]
    words += ["--runs", str(tmp_path / "runs"), "--set", "precision=bf16"]
    given = attention_study.parser().parse_args(words)
    attention_study._make_data(given, "plain", 0)
    case = Case("plain", "STCA", 0)
    key = Run(attention_study.config_of(given, case)).key
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "attention_study.csv").write_text(to_csv([Measurement(case, key, 7, 0.5, 0.5, 0.5)]))
    assert main([*words, "--known"]) == 0
    assert not (tmp_path / "runs").exists()
    assert main([*words, "--known", "--persons", "8"]) == 1


def test_an_error_is_said_and_not_thrown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "twins", "--persons", "3", "--runs", str(tmp_path), "--out", str(tmp_path)]
    assert main(words) == 1
    assert "Twins come in pairs" in capsys.readouterr().err
