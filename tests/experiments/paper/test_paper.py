"""The tables: published figures, which runs fill them, what is written; one of them from end to end."""

import csv
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from experiments.paper.cached_runs import Run, Score
from experiments.paper.cell_results import CellResult, cell_results, from_csv, to_csv
from experiments.paper.plan import Plan
from experiments.paper.rendering import FROM_SCRATCH, markdown
from experiments.paper.run_options import NoDataError, RunOptions, tiny_config
from experiments.paper.tables import BUILT, OUR_LAYERS, TABLES, Column, Row, Table
from experiments.table1 import study

from experiments.paper import complexity, figures, paper, run_options
from stca.config import OptimConfig
from stca.errors import ConfigError, DatasetError
from stca.models import PEERS
from stca.recipes import recipe
from stca.walkers import make_walkers

FULL = RunOptions(data={"mars": "/data/mars", "duke": "/data/duke", "ilids": "/data/ilids"}, seeds=(0, 1))
SMALLEST = [
    *(
        "--set",
        "optim.epochs=1",
        "optim.milestones=[]",
        "optim.warmup_epochs=0",
        "model.options.width=4",
        "model.options.layers=[1,1,1,1]",
    ),
    *("batch.identities=2", "batch.instances=2", "workers=0", "device=cpu", "precision=float32"),
]


def published(table: str, row: str) -> dict[str, float | None]:
    return {cell.column.label: cell.published for cell in TABLES[table].cells() if cell.row.label == row}


def test_figures_of_the_paper() -> None:
    assert published("table1", "STCA") == {
        **{"MARS mAP": 87.0, "MARS rank-1": 90.3, "Duke mAP": 96.2, "Duke rank-1": 96.6},
        "iLIDS rank-1": 88.3,
    }
    assert published("table1", "coSAM (SE-ResNet50)")["Duke rank-1"] == 95.4
    assert published("table2", "2D-CNN")["384x128 mAP"] == 77.4
    assert published("table2", "STCA with Cosine")["epoch"] == 450
    assert published("table3", "12") == {"mAP": 86.5, "rank-1": 89.5, "rank-5": 97.4, "rank-10": 98.2}
    assert published("table4", "euclidean mining, cosine score")["iLIDS rank-1"] == 86.7


def test_every_figure_of_the_paper_stands_in_its_text(shared: Path) -> None:
    [text] = (shared / "paper").glob("*.txt")
    lines = [line.split("\t") for line in text.read_text().splitlines() if line.count("\t") >= 4]
    for table in TABLES.values():
        for row in table.rows:
            figures = ["-" if value is None else f"{value:.1f}" for value in row.published]
            if table.columns[-1].figure == "epochs":
                figures[-1] = f"≈ {row.published[-1]:g}"
            assert any(line[-len(figures) :] == figures for line in lines), (table.name, row.label)
    assert len(TABLES["table1"].rows) == 21


@pytest.mark.parametrize("table", TABLES)
def test_a_cells_recipe_is_what_its_place_says(table: str) -> None:
    for cell in TABLES[table].cells():
        if cell.recipe is None:
            continue
        config = recipe(cell.recipe)
        column, row = cell.column.label, cell.row.label
        source = "duke_video" if "Duke" in column else "ilids_vid" if "iLIDS" in column else "mars"
        assert config.data.source == source
        if row in BUILT:
            assert config.model.name == BUILT[row]
            mars = PEERS[BUILT[row]].mars
            if cell.row.note == OUR_LAYERS:
                assert mars is None
            else:
                assert cell.row.published[:2] == (mars.mean_ap, mars.rank1)
            continue
        assert config.model.image_size == ((256, 128) if "256x128" in column else (384, 128))
        assert config.clips.clip_len == (int(row) if table == "table3" else 8)
        euclidean = "euclidean mining" in row or row in ("2D-CNN", "3D-CNN")
        assert config.loss.metric == ("euclidean" if euclidean else "cosine")
        named = (
            "concat" if "Concat" in row else "cnn2d" if "2D" in row else "cnn3d" if "3D" in row else "stca"
        )
        assert config.model.name == named
        if column == "epoch":
            assert config.optim.epochs == cell.published


def test_runs_are_shared_by_tables() -> None:
    def keys(*names: str) -> set[str]:
        return {job.run.key for job in Plan(FULL, [TABLES[name] for name in names]).jobs()}

    assert len(keys("table2")) == 12 * 2
    assert len(keys("table3")) == 6 * 2
    assert len(keys("table2") & keys("table3")) == 2  # stca_mars, two seeds
    assert len(keys("table4")) == (2 + 2 * 10) * 2
    assert len(keys(*TABLES)) == (12 + 5 + 1 + 1 + 2 * 10 + len(BUILT) * (1 + 1 + 10)) * 2


def test_both_scores_of_one_training_are_one_job() -> None:
    jobs = Plan(FULL, [TABLES["table4"]], only="cosine mining").jobs()
    assert {job.recipe for job in jobs} == {"stca_mars", "stca_ilids"}
    assert {job.metrics for job in jobs} == {("euclidean", "cosine")}


def test_splits_of_ilids_are_runs() -> None:
    runs = FULL.runs("stca_ilids")
    assert [run.config.data.split for run in runs] == [*range(10), *range(10)]
    assert [run.config.seed for run in runs] == [0] * 10 + [1] * 10
    assert len({run.key for run in runs}) == 20


def test_weights_go_to_the_networks_that_have_the_backbone() -> None:
    given = replace(FULL, weights={"resnet50_ibn_a": "2d.pth", "resnet3d_50": "3d.pth"})
    expected = {
        "stca_mars": ("2d.pth", "3d.pth"),
        "cnn2d_mars": ("2d.pth",),
        "cnn3d_mars": ("3d.pth",),
        "concat_mars": ("2d.pth", "3d.pth"),
        "stca_mars_c3d": ("2d.pth",),
        "stca_mars_resnet50": ("3d.pth",),
        "sum_mars": ("2d.pth", "3d.pth"),
    }
    assert {name: given.runs(name)[0].config.model.weights for name in expected} == expected


@pytest.mark.parametrize(
    "words",
    [
        "table2 --data mars=/m --data duke=/d --weights resnet50_ibn_a=a.pth resnet3d_50=b.pth --seeds 0 1",
        "table4 --tiny --persons 5 --runs some/where --out 'a b' --only 'cosine mining' --set workers=0 optim.lr=1",
        "all --data mars=/m --set optim.lr=1e-4 --only=--x",
        "figure5 --data 'mars=/a b' --weights c3d=c.pth --draw 3 --seeds 4",
        "figure6 --tiny",
    ],
)
def test_the_printed_command_says_the_same(words: str) -> None:
    given = shlex.split(words)
    program = figures if given[0].startswith("figure") else paper
    said = program.parser().parse_args(given)
    python, _, script, *again = shlex.split(run_options.command(f"experiments.x {given[0]}", said))
    assert (python, script) == ("python", "experiments.x")
    assert program.parser().parse_args(again) == said


def test_the_small_table_1_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert paper.main(["table1", "--tiny"]) == 1
    assert "make table1 TINY=1" in capsys.readouterr().err


def test_a_dry_run_of_the_small_table_1_trains_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert study.main(["--dry-run", "--only", "psta", "--seeds", "3", *where]) == 0
    assert "2 runs to do" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert study.main(["--dry-run", "--only", "nobody", *where]) == 1
    assert "--only matches no system" in capsys.readouterr().err


def test_rows_of_other_methods_say_how_far_they_are_their_authors() -> None:
    notes = {row.label: row.note for row in TABLES["table1"].rows if row.label in BUILT}
    assert notes.pop("STCAN") == OUR_LAYERS
    assert {name for name, note in notes.items() if "read in its script" in note} == {"NVAN", "STMN"}
    assert all(note for note in notes.values())


def test_weights_are_of_backbones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert paper.main(["table2", "--data", "mars=/m", "--weights", "resnet50_ibna=a.pth"]) == 1
    err = capsys.readouterr().err
    assert all(name in err for name in ("resnet50_ibna=a.pth", "resnet50_ibn_a|", "|c3d"))


@pytest.mark.parametrize(
    ("change", "instead"),
    [
        *(("seed=1", "--seeds"), ("data.roots=[/x]", "--data"), ("data.options.a=1", "--data")),
        *(("model.weights=[a.pth]", "--weights"), ("eval.metric=euclidean", "table4")),
    ],
)
def test_what_another_option_gives_is_no_set(
    change: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for program, what in ((paper, "table2"), (figures, "figure6")):
        assert program.main([what, "--data", "mars=/m", "--set", "workers=0", change]) == 1
        assert f"try:      {instead}" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--data", "mars=/m"], ["--weights", "c3d=c.pth"]])
def test_tiny_takes_no_data_and_no_weights(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert paper.main(["table2", "--tiny", *words]) == 1
    assert f"found:    {words[0]}" in capsys.readouterr().err


def test_a_page_says_what_was_not_pretrained(tmp_path: Path) -> None:
    def page(*changes: str, **weights: str) -> str:
        made = RunOptions(data={"mars": "/m"}, changes=changes, weights=weights, folder=tmp_path)
        plan = Plan(made, [FEW])
        return markdown(FEW, cell_results(plan, FEW), plan, "")

    assert FROM_SCRATCH in page()
    assert FROM_SCRATCH in page(c3d="c.pth"), "no network of this table has it"
    some = page(resnet50_ibn_a="a.pth")
    assert "pretrained weights: stca_mars (1 of 2). " in some
    assert FROM_SCRATCH not in some
    for whole in (
        page(resnet50_ibn_a="a.pth", resnet3d_50="b.pth"),
        page("model.inflate=true", resnet50_ibn_a="a.pth"),
    ):
        assert "weights" not in whole


def test_tiny_runs_differ_in_size_and_schedule_only() -> None:
    config = recipe("stca_mars_256")
    tiny = tiny_config(config, "mars")
    assert (tiny.model.name, tiny.model.image_size) == ("stca_small", (64, 32))
    assert tiny.optim == OptimConfig(epochs=38, lr=1e-3, milestones=(26,), warmup_epochs=1)
    assert replace(tiny, model=config.model, optim=config.optim, log_every=config.log_every) == config


def test_data_that_was_not_given_leaves_its_columns_empty_with_a_word(tmp_path: Path) -> None:
    plan = Plan(RunOptions(data={"ilids": "/data/ilids"}, folder=tmp_path), [TABLES["table4"]])
    found = cell_results(plan, TABLES["table4"])
    page = markdown(TABLES["table4"], found, plan, "make table4")
    assert "| cosine mining, cosine score | ours | no data | no data | not run yet |" in page
    assert "no data: --data mars=/data/mars." in page
    with pytest.raises(NoDataError):
        plan.options.runs("stca_mars")


def test_nothing_to_run_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert paper.main(["table2", "--out", str(tmp_path)]) == 1
    assert "--data mars=/data/mars" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", ["mars", "mars=", "market=/x"])
def test_data_is_given_by_name(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert paper.main(["table2", "--data", given]) == 1
    assert "mars|duke|ilids" in capsys.readouterr().err


def test_a_dry_run_lists_state_and_cost(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call = ["table3", "--data", "mars=/no/where", "--runs", str(tmp_path), "--seeds", "0", "1", "--dry-run"]
    assert paper.main(call) == 0
    out = capsys.readouterr().out
    assert out.count("to do  ") == 12
    assert "stca_mars_t12, seed 1" in out
    assert "12 runs; remaining cost 44.1 A100 hours, derived, not measured" in out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_names_every_split(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call = [
        "table4",
        "--data",
        "ilids=/no/where",
        "--runs",
        str(tmp_path),
        "--only",
        "stca_ilids",
        "--dry-run",
    ]
    assert paper.main(call) == 0
    out = capsys.readouterr().out
    assert all(f"stca_ilids, seed 0, split {split}\n" in out for split in range(10))


def test_a_dry_run_of_figures_does_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    call = ["figure5", "--data", "mars=/no/where", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    assert figures.main([*call, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "2 runs; remaining cost 9.29 A100 hours, derived, not measured" in out
    assert all(f"  {recipe}, seed 0\n" in out for recipe in ("stca_mars", "cnn2d_mars_euclidean"))
    assert not list(tmp_path.iterdir())


def test_only_must_match_something(capsys: pytest.CaptureFixture[str]) -> None:
    assert paper.main(["table2", "--data", "mars=/m", "--only", "256 x 128"]) == 1
    err = capsys.readouterr().err
    assert "found:    256 x 128" in err
    assert all(name in err for name in ("2D-CNN with Cosine", "256x128 mAP", "cnn3d_mars_256"))


FEW = Table(
    "few",
    "A few",
    "network",
    (Column("mAP", "mAP"), Column("rank-1", "rank-1"), Column("epoch", "epochs")),
    (
        Row("somebody else's", (1.0, None, None)),
        Row("2D", (82.2, 87.9, 500), ("cnn2d_mars",) * 3),
        Row("2D again", (82.2, 87.9, None), ("cnn2d_mars",) * 3, "euclidean"),
        Row("STCA", (87.0, 90.3, 450), ("stca_mars",) * 3),
    ),
)


class Scored(Run):
    """A run that needs no data."""

    def scores(self, metric: str = "cosine") -> tuple[Score, ...]:  # type: ignore[override]
        if self.config.model.name == "stca":
            raise DatasetError("All went wrong", found="this")
        return self.known_scores(metric)

    def known_scores(self, metric: str = "cosine") -> tuple[Score, ...]:  # type: ignore[override]
        if self.config.model.name == "stca":
            return ()
        value = (0.5 if metric == "cosine" else 0.4) + 0.1 * self.config.seed
        figures = {"mAP": value, "rank-1": value + 0.2}
        return tuple(Score(p, metric, 5, 7, figures) for p in ("mars-A", "mars-B"))


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Plan:
    monkeypatch.setattr(run_options, "Run", Scored)
    made = Plan(replace(FULL, folder=tmp_path), [FEW])
    made.execute()
    return made


def test_a_table_is_written_though_a_run_failed(plan: Plan) -> None:
    page = markdown(FEW, cell_results(plan, FEW), plan, "make few")
    assert page.splitlines()[6:17] == [
        "| network | whose | mAP | rank-1 | epoch |",
        "|---|---|---:|---:|---:|",
        "| somebody else's | published, not run | 1.0 | - | - |",
        "| 2D | paper | 82.2 | 87.9 | ≈ 500 |",
        "| 2D | ours, mars-A | 55.0 ± 7.1 | 75.0 ± 7.1 | 500 |",
        "| 2D | ours, mars-B | 55.0 ± 7.1 | 75.0 ± 7.1 | 500 |",
        "| 2D again | paper | 82.2 | 87.9 | - |",
        "| 2D again | ours, mars-A | 45.0 ± 7.1 | 65.0 ± 7.1 | 500 |",
        "| 2D again | ours, mars-B | 45.0 ± 7.1 | 65.0 ± 7.1 | 500 |",
        "| STCA | paper | 87.0 | 90.3 | ≈ 450 |",
        "| STCA | ours | failed | failed | failed |",
    ]
    assert "failed: DatasetError: All went wrong." in page
    assert len(plan.failed) == 2


def test_a_failed_run_is_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_options, "Run", Scored)
    for name, status in (("2D", 0), ("", 1)):
        monkeypatch.setitem(paper.TABLES, "table2", FEW)
        call = ["table2", "--data", "mars=/data/mars", "--only", name]
        assert paper.main([*call, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]) == status
    assert (tmp_path / "few.md").is_file()
    assert "failed: stca_mars, seed 0: All went wrong" in capsys.readouterr().err


def test_csv_and_back(plan: Plan) -> None:
    found = cell_results(plan, FEW)
    text = to_csv(found)
    assert from_csv(text) == found
    lines = list(csv.DictReader(text.splitlines()))
    assert (float(lines[3]["mean"]), float(lines[3]["deviation"])) == pytest.approx((55.0, 50**0.5))
    odd = CellResult("t", 'a, "b"', "c\nd", runs=("1", "2"), values=(0.1, 1 / 3), note="x, y")
    assert from_csv(to_csv([odd])) == [odd]


def test_one_seed_has_no_deviation() -> None:
    assert CellResult("t", "r", "c", values=(1.0,)).deviation is None
    assert CellResult("t", "r", "c").mean is None


def test_splits_are_averaged_before_seeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def known(run: Run, metric: str = "cosine") -> tuple[Score, ...]:
        value = 0.5 * run.config.seed + 0.01 * run.config.data.split
        return (Score("ilids-vid", metric, 150, 150, {"rank-1": value, "mAP": value}),)

    monkeypatch.setattr(Run, "known_scores", known)
    found = cell_results(Plan(FULL, [TABLES["table4"]]), TABLES["table4"])
    ours = [each for each in found if each.column == "iLIDS rank-1"]
    assert all(each.values == pytest.approx((4.5, 54.5)) for each in ours)
    assert {each.protocol for each in ours} == {"ilids-vid"}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    fewer = {"frames": (4, 5), "cameras": 2, "distractors": 1, "junk": 1, "workers": 1}
    monkeypatch.setattr(
        run_options, "make_walkers", lambda root, **options: make_walkers(root, **{**options, **fewer})
    )
    return [
        "--tiny",
        "--persons",
        "2",
        "--runs",
        str(tmp_path / "runs"),
        "--out",
        str(tmp_path / "out"),
        *SMALLEST,
    ]


def test_a_tiny_table_from_end_to_end(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(row for row in TABLES["table3"].rows if row.label == "2")
    monkeypatch.setitem(paper.TABLES, "table3", replace(TABLES["table3"], rows=rows))
    assert paper.main(["table3", *tiny]) == 0
    err = capsys.readouterr().err
    assert "run 1 of 1, " in err
    page = (tmp_path / "out" / "table3.md").read_text()
    for words in (
        "| 2 | paper | 86.5 | 89.4 | 97.4 | 97.8 |",
        "| 2 | ours, mars-A | ",
        "| 2 | ours, mars-B | ",
    ):
        assert words in page
    assert "are not comparable with the paper's" in page
    found = from_csv((tmp_path / "out" / "table3.csv").read_text())
    assert len(found) == 8
    assert all(0 <= each.values[0] <= 100 for each in found)
    [run] = {each.runs for each in found}
    assert (tmp_path / "runs" / "cells" / run[0] / "finished.json").is_file()
    assert paper.main(["table3", *tiny]) == 0  # once more: nothing is trained
    assert ": done" in capsys.readouterr().err
    assert from_csv((tmp_path / "out" / "table3.csv").read_text()) == found
    assert paper.main(["table3", *tiny, "--dry-run"]) == 0
    assert "done" in capsys.readouterr().out


def test_settings_of_a_command_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no option"):
        replace(FULL, changes=("optim.speed=1",)).runs("stca_mars")


def test_complexity_has_the_papers_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complexity, "NETWORKS", {"STCA": complexity.NETWORKS["STCA"]})
    monkeypatch.setattr(complexity, "SIZES", ((384, 128),))
    found = complexity.costs()
    page = complexity.markdown(found, "make complexity")
    assert "| STCA | 384x128 | 41.87 M | 12.97 G | 67.67 G |" in page
    assert "| its cross attention alone | 384x128 | 0.002514 M | " in page
    lines = list(csv.DictReader(complexity.to_csv(found).splitlines()))
    assert [line["parameters"] for line in lines[:2]] == ["41873106", "41873106"]


@pytest.mark.slow
def test_every_network_of_section_4_10_is_counted() -> None:
    found = complexity.costs()
    assert len(found) == 2 * (len(complexity.NETWORKS) + 1)
    assert all(each.multiply_adds[1] > 2 * each.multiply_adds[0] for each in found)
