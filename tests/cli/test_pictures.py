"""`stca show` with one model and with two, by its own main(), on data made on the spot."""

from pathlib import Path

import pytest

from sequences import TINY_MODEL, tiny_walkers
from stca.cli import main


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_walkers(tmp_path_factory.mktemp("data") / "walkers")


@pytest.fixture(scope="module")
def runs(walkers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """STCA, a 2D baseline on the same data, and STCA on other data."""
    folder = tmp_path_factory.mktemp("runs")
    elsewhere = tiny_walkers(folder / "elsewhere")
    wanted = {
        "stca": (walkers, "model.name=stca_small"),
        "baseline": (walkers, "model.name=cnn2d_small"),
        "other": (elsewhere, "model.name=stca_small"),
    }
    for name, (data, model) in wanted.items():
        call = [
            "train",
            "small_walkers",
            "--data",
            str(data),
            "--out",
            str(folder / name),
            model,
            *TINY_MODEL,
        ]
        assert main(call) == 0
    return {name: folder / name for name in wanted}


@pytest.mark.parametrize(
    "call",
    [
        "attention {stca}",
        "attention {baseline}",
        "attention {stca} --against {baseline} --frames 3 --count 2",
        "attention {stca} --against {other} --data {data}",
        "ranks {stca} --against {baseline} -k 5 --count 6 --workers 0",
        "ranks {stca} --against colour_histogram --metric euclidean --protocol mars-B --workers 0",
        "curves {stca} {baseline} --smooth 3",
    ],
)
def test_pictures(call: str, runs: dict[str, Path], walkers: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.png"
    words = call.format(data=walkers, **runs).split()
    assert main(["show", *words, "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert out.stat().st_size > 5000


def test_a_named_query_and_the_seed_decide_what_is_shown(runs: dict[str, Path], tmp_path: Path) -> None:
    def picture(*more: str) -> bytes:
        out = tmp_path / "picture.png"
        call = ["show", "ranks", str(runs["stca"]), "--against", str(runs["baseline"]), "--workers", "0"]
        assert main([*call, "--count", "2", "--out", str(out), *more]) == 0
        return out.read_bytes()

    first = picture()
    assert first == picture("--seed", "0")
    assert {picture("--seed", seed) for seed in "12"} != {first}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("attention {stca} --against {other}", ["different data", "elsewhere", "--data"]),
        ("ranks {stca} --against {other}", ["different data", "elsewhere", "--data"]),
        ("attention {stca} --against colour_histogram", ["2D", "ColourHistogram", "stca"]),
        ("ranks {stca} --against {tmp}/nothing", ["nothing", "config.yaml"]),
        ("ranks {stca} --against {baseline} --key nobody --workers 0", ["nobody", "bbox_test"]),
        ("ranks {stca} --against no_such_model", ["no_such_model", "stca_small"]),
    ],
)
def test_a_wrong_call_is_one_clear_error(
    call: str, words: list[str], runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.png"
    assert main(["show", *call.format(tmp=tmp_path, **runs).split(), "--out", str(out)]) == 1
    err = capsys.readouterr().err
    assert err.count("error:") == 1
    assert "Traceback" not in err
    for word in words:
        assert word in err, err
    assert not out.exists()


def test_smoothing_needs_an_odd_number(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["show", "curves", str(runs["stca"]), "--smooth", "4", "--out", "x.png"])
    assert stop.value.code == 2
    assert "odd" in capsys.readouterr().err
