"""The command line: every verb by its own main(), on data made on the spot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sequences import TINY_MODEL, tiny_walkers
from stca import Embeddings
from stca.cli import main
from stca.config import from_yaml
from stca.recipes import RECIPES, recipe


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_walkers(tmp_path_factory.mktemp("data") / "walkers")


@pytest.fixture(scope="module")
def run(walkers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "small_walkers", "--data", str(walkers), "--out", str(out), *TINY_MODEL]) == 0
    return out


def test_complexity_prints_the_papers_figures(capsys: pytest.CaptureFixture[str]) -> None:
    call = ["complexity", "stca", "--size", "384x128", "--frames", "1", "--num-ids", "625"]
    assert main(call) == 0
    out = capsys.readouterr().out
    for figure in ("41,873,106", "2,514", "12,967,975,424", "(1, 1, 3, 384, 128)", "17,078,464", "8,543,296"):
        assert figure in out


@pytest.mark.parametrize("model", ["cnn2d_small", "colour_histogram", "pretrained:stca_small", "run"])
def test_random_weights_are_said_by_every_verb(
    walkers: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    name = str(run) if model == "run" else model
    data = ["--data", str(walkers), "--dataset", "walkers"]
    calls = [["embed", name, *data, "--out", str(tmp_path / "v.npz"), "--device", "cpu", "--workers", "0"]]
    if model != "colour_histogram":  # it has no weights, and cannot be exported
        calls.append(["export", name, "--out", str(tmp_path / "net.onnx")])
    for call in calls:
        assert main(call) == 0
        said = capsys.readouterr().err
        assert said.count(f"warning: {name}: its weights are random") == (model == "cnn2d_small")


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (["check", "mars", "x", "split=1"], "--split"),
        (["check", "mars", "x", "decode=1"], "--decode"),
        (["pack", "mars", "x", "y.lmdb", "split=1"], "--split"),
    ],
)
def test_what_has_an_argument_of_its_own_is_no_option_of_the_loader(
    capsys: pytest.CaptureFixture[str], call: list[str], advice: str
) -> None:
    assert main(["data", *call]) != 0
    assert advice in capsys.readouterr().err


def test_every_verb_has_help() -> None:
    verbs = ["data list", "data check", "data make-walkers", "recipes", "train", "evaluate", "embed"]
    verbs += ["learn-metric", "show attention", "show ranks", "show curves", "complexity", "demo"]
    for verb in verbs:
        with pytest.raises(SystemExit) as stop:
            main([*verb.split(), "--help"])
        assert stop.value.code == 0


def test_recipes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name in RECIPES)
    assert {"mars:", "duke_video:", "ilids_vid:", "walkers:", "mot:"} <= set(lines)
    assert max(map(len, lines)) < 120


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_shown_as_yaml_that_can_be_read_back(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recipes", name]) == 0
    out = capsys.readouterr().out
    words = [line.lstrip("# ").strip() for line in out.splitlines() if line.startswith("#")]
    assert words == [line.strip() for line in (RECIPES[name].__doc__ or "").strip().splitlines()]
    assert from_yaml(out) == recipe(name)


def test_training_leaves_a_run(run: Path) -> None:
    assert (run / "config.yaml").is_file()
    kinds = [json.loads(line)["kind"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert kinds == ["train", "eval"]
    assert len(list(run.glob("checkpoints/step-*/model.safetensors"))) == 1
    assert list(run.glob("tensorboard/events*"))


def test_evaluate_names_both_protocols_of_mars(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = run / "scores.json"
    call = ["evaluate", str(run), "stca_small", "colour_histogram", "--workers", "0", "--json", str(table)]
    assert main(call) == 0
    out = capsys.readouterr().out
    assert out.count("mars-A") == out.count("mars-B") == 3
    content = json.loads(table.read_text())
    assert [r["system"] for r in content["results"]][::2] == [str(run), "stca_small", "colour_histogram"]
    assert {"command", "commit", "machine"} <= set(content["provenance"])


def test_evaluate_against_says_whether_the_difference_is_noise(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), "--against", "colour_histogram", "--workers", "0", "--rerank"]) == 0
    out = capsys.readouterr().out
    assert out.count("p = ") == 6
    assert any(verdict in out for verdict in ("within noise", "better", "worse"))
    assert main(["evaluate", str(run), "--against", str(run), "--workers", "0"]) == 0
    assert capsys.readouterr().out.count("within noise") == 6


def test_mean_over_splits_shows_deviation_and_sizes(
    walkers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["evaluate", "colour_histogram", "stca_small", "--dataset", "walkers", "--data", str(walkers)]
    assert main([*call, "--mean-over-splits", "--workers", "0"]) == 0
    out = capsys.readouterr().out
    assert out.count("over 2 splits") == 2
    assert " +- " in out


def test_embed_writes_vectors(run: Path, walkers: Path, tmp_path: Path) -> None:
    out = tmp_path / "vectors.npz"
    call = ["embed", str(run), "--data", str(walkers), "--part", "query", "--out", str(out), "--workers", "0"]
    assert main(call) == 0
    vectors = Embeddings.load(out)
    assert vectors.vectors.shape == (12, 128)


def test_a_metric_is_learnt_and_ranks(
    run: Path, walkers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, metric = tmp_path / "train.npz", tmp_path / "xqda.safetensors"
    call = ["embed", str(run), "--data", str(walkers), "--part", "train", "--out", str(vectors)]
    assert main([*call, "--workers", "0"]) == 0
    assert main(["learn-metric", str(vectors), "--dims", "3", "--out", str(metric)]) == 0
    assert "XQDA: 128 numbers to 3" in capsys.readouterr().out
    assert main(["evaluate", str(run), "--metric", str(metric), "--workers", "0", "--rerank"]) == 0
    assert "XQDA, k-reciprocal" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["evaluate", str(run), "--metric", "manhattan"])
    assert "cosine, euclidean or a .safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["attention", "ranks", "curves"])
def test_pictures(run: Path, tmp_path: Path, verb: str) -> None:
    out = tmp_path / f"{verb}.png"
    assert main(["show", verb, str(run), "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert out.stat().st_size > 5000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("train small_walkers --data nowhere --out {tmp}/x", ["nowhere"]),
        ("train small_wlakers --data nowhere", ["small_walkers"]),
        ("train small_walkers --data {data} --out {tmp}/x optim.lrr=1", ["optim.lr"]),
        ("train small_walkers --data {data} --out {tmp}/x optim.lr=fast", ["optim.lr", "float"]),
        ("train small_walkers --data {data} --out {tmp}/x batch.identities=99", ["99", "6"]),
        ("train small_walkers --data {data} --out {tmp}/x model.image_size=[100,50]", ["16", "100x50"]),
        ("train small_walkers --out {tmp}/x", ["--data"]),
        ("train small_walkers --data {data} --out {run}", ["--resume"]),
        ("evaluate {tmp}/nothing", ["config.yaml"]),
        ("evaluate no_such_model --dataset walkers --data {data}", ["no_such_model", "stca_small"]),
        ("evaluate colour_histogram", ["--data"]),
        ("evaluate colour_histogram --data {data}", ["--dataset"]),
        ("evaluate {run} --metric {tmp}/missing.safetensors", ["missing.safetensors", "metric"]),
        ("learn-metric {tmp}/missing.npz --out {tmp}/x.safetensors", ["missing.npz", "stca embed"]),
        ("evaluate {run} --protocol mars-C", ["mars-C", "mars-A"]),
        ("complexity stca --size 100x100", ["multiple", "96x96"]),
        ("complexity stca gat=conv4_x", ["gate"]),
        ("show ranks {run} --key nobody --out {tmp}/x.png", ["nobody"]),
        ("show attention colour_histogram --dataset walkers --data {data} --out {tmp}/x.png", ["stca"]),
        ("embed {run} --out /proc/no/where.npz", ["/proc"]),
    ],
)
def test_a_wrong_call_is_one_clear_error(
    call: str, words: list[str], run: Path, walkers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = call.format(tmp=tmp_path, data=walkers, run=run).split()
    before = sorted(p for p in run.rglob("*"))
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert err.count("error:") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err, err
    assert sorted(p for p in run.rglob("*")) == before


@pytest.mark.parametrize(
    "call",
    [
        "complexity stca --size big",
        "show ranks run --out x.txt",
        "train small_walkers --dat x",
        "recipes a b=1",
        "",
    ],
)
def test_what_cannot_be_parsed_exits_with_2(call: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(call.split())
    assert stop.value.code == 2


def test_the_installed_command_survives_a_closed_pipe() -> None:
    stca = Path(sys.executable).with_name("stca")
    piped = subprocess.run(
        f"{stca} recipes stca_mars | head -1", shell=True, capture_output=True, text=True, check=True
    )
    assert piped.stdout.startswith("# STCA on MARS")
    assert piped.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        ["find", "a.mp4", "--out", ""],
        ["track", "a.mp4", "--out", ""],
        ["gallery", "add", "g", ""],
        ["find", ""],
        ["search", "g", "key", "--model", ""],
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "this one is empty" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["track", "v.avi", "--out=--"], ["search", "g", "k", "-k=--"]])
def test_a_lone_pair_of_dashes_is_no_value(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "a value is needed, not --" in capsys.readouterr().err


def test_help_shows_defaults_that_are_something(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "(default: 0)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["track", "--help"])
    said = capsys.readouterr().out
    assert "(default: ocsort)" in said
    assert "(default: 1)" in said
    assert "None" not in said
    assert "(default: False)" not in said
