"""Whole runs: what they log, save, test and refuse."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stca.config import BatchConfig, ClipConfig, EvalConfig, LossConfig, OptimConfig
from stca.datasets import load_dataset
from stca.errors import ConfigError, TrainingError
from stca.losses import ReIDObjective
from stca.models import ReIDModel, create_model, load_model
from stca.run_dir import RunDir
from stca.tracklets import Tracklet
from stca.training import fit, learning_rate, loop
from trained import CONFIG, assert_equal_runs, model_of


def test_what_a_compiled_network_cannot_do_is_refused() -> None:
    with pytest.raises(ConfigError, match="compile=true without"):
        replace(CONFIG, compile=True, batch=replace(CONFIG.batch, sync_norm=True))


def test_training_lowers_the_loss_and_keeps_a_log(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    optim = OptimConfig(epochs=10, lr=3e-3, milestones=(8,), warmup_epochs=1)
    run = train(replace(CONFIG, optim=optim))
    records = run.metrics()
    assert [(r["kind"], r["step"], r["epoch"]) for r in records] == [
        ("train", step, 1 + (step - 1) // 2) for step in range(1, 21)
    ]
    assert set(records[0]) == {
        *("kind", "step", "epoch", "total", "triplet", "identity", "center", "lr", "clips_per_s")
    }
    assert [r["lr"] for r in records] == pytest.approx(
        [learning_rate(optim, r["epoch"] - 1) for r in records]
    )
    for r in records:
        assert r["total"] == pytest.approx(r["triplet"] + r["identity"] + 0.0005 * r["center"], rel=1e-4)
        assert r["clips_per_s"] > 0
    first, last = (sum(r["total"] for r in part) / 4 for part in (records[:4], records[-4:]))
    assert last < 0.7 * first
    assert [path.name for path in run.checkpoints()] == ["step-0000018", "step-0000020"]
    assert any((run.path / "tensorboard").iterdir())
    model = load_model(run.model_path())
    assert (model.spec.num_ids, model.clip_len) == (4, 2)


def test_not_every_step_is_logged_and_not_every_epoch_saved(train: Callable[..., RunDir]) -> None:
    optim = OptimConfig(epochs=5)
    run = train(replace(CONFIG, optim=optim, log_every=4, checkpoint_every=2))
    assert [r["step"] for r in run.metrics()] == [1, 4, 8]
    assert [path.name for path in run.checkpoints()] == ["step-0000008", "step-0000010"]


def test_evaluation_comes_every_so_often_and_at_the_end(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    config = replace(CONFIG, optim=OptimConfig(epochs=5), eval=EvalConfig(every=2))
    run, model, modes = RunDir.create(tmp_path / "run", config), model_of(), []

    def evaluate(trained: ReIDModel) -> dict[str, float]:
        modes.append(trained.training)
        return {"toy/mAP": len(modes) / 10}

    trained = []
    model.head.register_forward_hook(lambda module, *_: trained.append(module.training))
    fit(model, tracklets, config, run, evaluate=evaluate)
    evaluations = [r for r in run.metrics() if r["kind"] == "eval"]
    assert evaluations == [
        {"kind": "eval", "step": step, "epoch": epoch, "toy/mAP": value}
        for step, epoch, value in ((4, 2, 0.1), (8, 4, 0.2), (10, 5, 0.3))
    ]
    assert modes == [False] * 3
    assert trained.count(True) == 10, "back to training after every evaluation"
    assert not model.training


def test_the_model_is_the_one_given(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> None:
    run, model = RunDir.create(tmp_path / "run", CONFIG), model_of()
    fit(model, tracklets, CONFIG, run)
    saved = load_file(run.model_path())
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())


def test_the_image_size_is_the_models(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> None:
    config = replace(CONFIG, model=replace(CONFIG.model, image_size=None), optim=OptimConfig(epochs=1))
    fit(model_of(), tracklets, config, RunDir.create(tmp_path / "run", config))


def test_a_run_that_computes_activations_again_is_the_same_run(train: Callable[..., RunDir]) -> None:
    again = replace(CONFIG, batch=replace(CONFIG.batch, checkpoint_activations=True))
    assert_equal_runs(train(CONFIG, "plain"), train(again, "again"))


def test_centres_move_by_their_own_loss_whatever_its_weight(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    one_step = replace(
        CONFIG, batch=replace(CONFIG.batch, epoch="one-group"), optim=OptimConfig(epochs=1, lr=1e-9)
    )
    centers = {}
    for weight in (0.0, 0.0005, 0.5):
        torch.manual_seed(0)
        run = train(replace(one_step, loss=LossConfig(center_weight=weight)), f"weight {weight}")
        state = run.load_state()
        assert state is not None
        centers[weight] = state["objective"]["center.centers"]
    torch.testing.assert_close(centers[0.0005], centers[0.5], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(centers[0.0], centers[0.5])
    torch.manual_seed(0)
    model_of(len({t.person_id for t in tracklets}))
    untouched = ReIDObjective(4, 128).center.centers.detach()
    assert torch.equal(centers[0.0], untouched)


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_bfloat16_trains_as_well(train: Callable[..., RunDir], micro_batch: int | None) -> None:
    config = replace(CONFIG, precision="bf16", batch=replace(CONFIG.batch, micro_batch=micro_batch))
    run = train(replace(config, optim=OptimConfig(epochs=1)))
    assert all(math.isfinite(record["total"]) for record in run.metrics())
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(run.model_path()).values())


def test_a_loss_that_is_no_longer_finite_stops_the_run(
    train: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 1e30)
    with pytest.raises(TrainingError, match=r"diverged[\s\S]*step \d+, epoch \d[\s\S]*smaller optim\.lr"):
        train()
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        assert math.isfinite(json.loads(line)["total"])


def test_weights_that_are_no_longer_finite_take_no_checkpoints_place(
    train: Callable[..., RunDir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate", lambda *_: 1e30)
    once = replace(CONFIG.batch, epoch="one-group")  # the loss is still finite at the only step of the epoch
    config = replace(CONFIG, batch=once)
    with pytest.raises(TrainingError, match="diverged"):
        train(config)
    assert RunDir.open(tmp_path / "run").checkpoints() == []


def test_a_bad_frame_is_counted_and_named_and_training_goes_on(
    train: Callable[..., RunDir],
    make_people: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = make_people(tmp_path / "data", frames=3, tracklets=1)
    bad = sorted(root.rglob("*.jpg"))[4]
    bad.write_bytes(bad.read_bytes()[:200])
    other = sorted(root.rglob("*.jpg"))[7]
    other.write_text("no image")
    run = train(replace(CONFIG, optim=OptimConfig(epochs=6)), data=load_dataset("folder", root).train)
    err = capsys.readouterr().err
    assert err.count(str(bad)) == err.count(str(other)) == 1, "each is named once"
    assert "(1 so far)" in err
    assert "(2 so far)" in err
    assert "warning: 2 frames could not be read in all" in err
    assert len(run.metrics()) == 6


def test_one_tracklet_of_one_frame_is_enough_for_a_person(
    train: Callable[..., RunDir], tracklets: tuple[Tracklet, ...]
) -> None:
    lonely = Tracklet(tracklets[0].frames[:1], 9, 1, "lonely")
    config = replace(CONFIG, clips=ClipConfig(clip_len=4), batch=BatchConfig(identities=5, instances=4))
    run = train(config, data=[*tracklets, lonely])
    assert len(run.metrics()) == 2
    assert all(math.isfinite(r["total"]) for r in run.metrics())


def test_a_model_that_cannot_learn_or_counts_other_persons_is_refused(
    tracklets: tuple[Tracklet, ...], tmp_path: Path
) -> None:
    run = RunDir.create(tmp_path / "run", CONFIG)
    with pytest.raises(ConfigError, match="nothing to learn"):
        fit(create_model("colour_histogram", num_ids=4), tracklets, CONFIG, run)
    with pytest.raises(ConfigError, match="num_ids=4") as caught:
        fit(model_of(num_ids=5), tracklets, CONFIG, run)
    assert caught.value.found == 5
    with pytest.raises(ConfigError, match="Too few persons"):
        fit(model_of(), tracklets, replace(CONFIG, batch=BatchConfig(identities=5)), run)
    with torch.device("meta"):
        without_classifier, in_pairs = (create_model(name, num_ids=4) for name in ("grl", "tclnet"))
    with pytest.raises(ConfigError, match="no classifier"):
        fit(without_classifier, tracklets, CONFIG, run)
    with pytest.raises(ConfigError, match="multiple of 2 frames"):
        fit(in_pairs, tracklets, replace(CONFIG, clips=ClipConfig(clip_len=3)), run)
    assert not (run.path / "metrics.jsonl").exists()
