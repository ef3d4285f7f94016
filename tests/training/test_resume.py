"""Runs that were stopped and go on."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import stca.tools.devices
from stca.config import BatchConfig, EvalConfig, OptimConfig
from stca.datasets import load_dataset
from stca.errors import CheckpointError
from stca.models import ReIDModel, load_model
from stca.run_dir import RunDir
from stca.tracklets import Tracklet
from stca.training import fit, loop
from trained import CONFIG, StoppedError, assert_equal_runs, model_of, stop_at


@pytest.fixture(scope="module")
def whole(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A run of four epochs that nothing interrupts."""
    config = replace(CONFIG, optim=OptimConfig(epochs=4, lr=1e-3, milestones=(3,)))
    run = RunDir.create(tmp_path_factory.mktemp("whole") / "run", config)
    fit(model_of(), load_dataset("folder", people).train, config, run)
    return run


@pytest.fixture
def broken(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[int], RunDir]:
    """A run with the settings of `whole` that is stopped in a step."""

    def make(step: int) -> RunDir:
        with monkeypatch.context() as patch:
            stop_at(step, patch)
            with pytest.raises(StoppedError):
                train(whole.config(), "broken")
        return RunDir.open(tmp_path / "broken")

    return make


@pytest.mark.parametrize("step", [1, 6])
def test_an_interrupted_run_goes_on_and_ends_as_if_nothing_had_been(
    train: Callable[..., RunDir], whole: RunDir, broken: Callable[[int], RunDir], step: int
) -> None:
    broken(step)
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


THREE_EPOCHS = replace(
    CONFIG,
    batch=BatchConfig(identities=2, instances=2),
    optim=OptimConfig(epochs=3, lr=1e-3, milestones=(1,)),
)
"""Of 3, 4 and 4 steps."""


@pytest.fixture(scope="module")
def undisturbed(people: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    run = RunDir.create(tmp_path_factory.mktemp("undisturbed") / "run", THREE_EPOCHS)
    fit(model_of(), load_dataset("folder", people).train, THREE_EPOCHS, run)
    return run


@pytest.mark.parametrize(
    ("step", "every", "goes_on_behind"),
    [(3, 2, 2), (6, 4, 4), (6, 5, 5), (7, 3, 6), (9, 4, 8), (11, 1, 10), (6, 0, 3)],
)
def test_a_run_interrupted_within_an_epoch_goes_on_there(
    train: Callable[..., RunDir],
    undisturbed: RunDir,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    every: int,
    goes_on_behind: int,
) -> None:
    config = replace(THREE_EPOCHS, checkpoint_steps=every)
    with monkeypatch.context() as patch:
        stop_at(step, patch)
        with pytest.raises(StoppedError):
            train(config, "broken")
    totals, steps = [], []
    real_progress, real_backward = loop.progress, loop.backward
    monkeypatch.setattr(
        loop, "progress", lambda items, **o: totals.append(o["total"]) or real_progress(items, **o)
    )
    monkeypatch.setattr(loop, "backward", lambda *a, **o: steps.append(1) or real_backward(*a, **o))
    resumed = train(config, "broken", resume=True)
    assert totals == [len(steps)] == [11 - goes_on_behind]
    epochs = [1] * 3 + [2] * 4 + [3] * 4
    assert [(r["step"], r["epoch"]) for r in resumed.metrics()] == list(enumerate(epochs, start=1))
    assert_equal_runs(undisturbed, resumed)


def test_a_checkpoint_of_before_there_were_any_within_epochs_is_gone_on_from(
    train: Callable[..., RunDir], whole: RunDir, broken: Callable[[int], RunDir]
) -> None:
    run = broken(6)
    state = run.load_state()
    assert state is not None
    assert state.pop("batch") == 0
    torch.save(state, run.checkpoints()[-1] / "state.pt")
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


def test_another_number_of_processes_is_said_on_resume(
    train: Callable[..., RunDir],
    whole: RunDir,
    broken: Callable[[int], RunDir],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = broken(6)
    state = run.load_state()
    assert state is not None
    assert state["processes"] == 1
    torch.save({**state, "processes": 4}, run.checkpoints()[-1] / "state.pt")
    train(whole.config(), "broken", resume=True)
    assert "begun with 4 processes and goes on with 1" in capsys.readouterr().err


def test_another_precision_is_said_on_resume(
    train: Callable[..., RunDir], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of precision "auto" that goes on where "auto" is something else."""
    config = replace(CONFIG, precision="auto")
    with monkeypatch.context() as patch:
        patch.setattr(stca.tools.devices, "_computes_in_bf16", lambda _: False)
        stop_at(3, patch)
        with pytest.raises(StoppedError):
            train(config)
    assert "training on cpu in float32" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(stca.tools.devices, "_computes_in_bf16", lambda _: True)
        run = train(config, resume=True)
    err = capsys.readouterr().err
    assert "training on cpu in bf16" in err
    assert "begun in float32 and goes on in bf16" in err
    state = run.load_state()
    assert state is not None
    assert state["precision"] == "bf16"


def test_tests_come_at_epoch_ends_wherever_a_run_was_stopped(
    tracklets: tuple[Tracklet, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=3), eval=EvalConfig(every=1), checkpoint_steps=1)
    run, tested = RunDir.create(tmp_path / "run", config), []

    def evaluate(_: ReIDModel) -> dict[str, float]:
        tested.append(1)
        return {"mAP": len(tested) / 10}

    for stop in (4, 2):  # in the middle of the second epoch, and then of the third
        with monkeypatch.context() as patch:
            stop_at(stop, patch)
            with pytest.raises(StoppedError):
                fit(model_of(), tracklets, config, run, evaluate=evaluate)
    fit(model_of(), tracklets, config, run, evaluate=evaluate)
    assert len(tested) == 3
    evaluations = [(r["step"], r["epoch"], r["mAP"]) for r in run.metrics() if r["kind"] == "eval"]
    assert evaluations == [(2, 1, 0.1), (4, 2, 0.2), (6, 3, 0.3)]


def test_a_run_that_was_stopped_in_its_last_evaluation_makes_up_for_it(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=1))
    run = RunDir.create(tmp_path / "run", config)

    def stop(_: ReIDModel) -> dict[str, float]:
        raise StoppedError

    with pytest.raises(StoppedError):
        fit(model_of(), tracklets, config, run, evaluate=stop)
    saved = run.model_path().read_bytes()
    modes: list[bool] = []
    for _ in range(2):  # the second time there is nothing left to do
        fit(model_of(), tracklets, config, run, evaluate=lambda m: modes.append(m.training) or {"mAP": 0.5})
    assert modes == [False]
    assert [(r["kind"], r["step"]) for r in run.metrics()] == [("train", 1), ("train", 2), ("eval", 2)]
    assert run.model_path().read_bytes() == saved


def test_a_damaged_line_of_the_log_does_not_keep_a_run_from_going_on(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        stop_at(8, patch)
        with pytest.raises(StoppedError):
            train(whole.config(), "broken")
    with (tmp_path / "broken" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "step": 8, "tot')
    assert_equal_runs(whole, train(whole.config(), "broken", resume=True))


def test_a_full_disk_stops_the_run_and_leaves_the_old_checkpoints(
    train: Callable[..., RunDir], whole: RunDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, saved = torch.save, []

    def save(*args: object) -> None:
        saved.append(1)
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", save)
        with pytest.raises(OSError, match="No space"):
            train(whole.config(), "full")
    run = RunDir.open(tmp_path / "full")
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == [
        "step-0000002",
        "step-0000004",
    ]
    assert load_model(run.model_path()).spec.num_ids == 4
    assert_equal_runs(whole, train(whole.config(), "full", resume=True))


def test_a_finished_run_that_is_resumed_stays_as_it_is(train: Callable[..., RunDir]) -> None:
    run = train()
    before = run.model_path().read_bytes()
    log = (run.path / "metrics.jsonl").read_text()
    assert train(resume=True).model_path().read_bytes() == before
    assert (run.path / "metrics.jsonl").read_text() == log


def test_a_state_of_another_network_is_a_clear_error(train: Callable[..., RunDir]) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=1))
    run = train(config)
    state = run.load_state()
    assert state is not None
    del state["objective"]
    torch.save(state, run.checkpoints()[-1] / "state.pt")
    with pytest.raises(CheckpointError, match="does not fit"):
        train(config, resume=True)
