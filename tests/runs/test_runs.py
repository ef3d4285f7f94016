import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import stca.runs.distributed_embedding
import stca.runs.running
from stca.config import BatchConfig, ClipConfig, DataConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.errors import CheckpointError, ConfigError, DatasetError
from stca.models import create_model, save_model
from stca.run_dir import RunDir
from stca.runs import evaluate_model, headline, load_run, load_test, load_train, open_model, train


@pytest.fixture(scope="module")
def config(people: Path) -> RunConfig:
    return RunConfig(
        data=DataConfig(source="folder", roots=(str(people),)),
        model=ModelConfig("stca_small", (32, 16), {"width": 4, "layers": [1, 1, 1, 1]}),
        clips=ClipConfig(clip_len=2),
        batch=BatchConfig(identities=4, instances=2),
        optim=OptimConfig(epochs=2, lr=1e-3, milestones=()),
        eval=EvalConfig(every=1, batch_size=8),
        device="cpu",
        precision="float32",
        workers=0,
        log_every=1,
    )


@pytest.fixture(scope="module")
def run(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return train(config, tmp_path_factory.mktemp("runs") / "one")


def test_a_run_trains_tests_and_leaves_everything_in_its_folder(run: RunDir, config: RunConfig) -> None:
    assert {path.name for path in run.path.iterdir()} == {
        *("config.yaml", "provenance.json", "metrics.jsonl", "checkpoints", "tensorboard", ".lock")
    }
    assert run.config() == config
    evaluations = [r for r in run.metrics() if r["kind"] == "eval"]
    assert [r["epoch"] for r in evaluations] == [1, 2]
    for record in evaluations:
        assert 0 < record["cross-camera/mAP"] <= 1
        assert 0 <= record["cross-camera/rank-1"] <= 1


def test_one_process_at_a_time_trains_in_a_folder(config: RunConfig, tmp_path: Path) -> None:
    config = replace(config, optim=replace(config.optim, epochs=1))
    with RunDir.alone(tmp_path / "run"):
        for resume in (False, True):
            with pytest.raises(ConfigError, match="Another process trains"):
                train(config, tmp_path / "run", resume=resume, test=False)
    for resume in (False, True):
        assert train(config, tmp_path / "run", resume=resume, test=False).checkpoints()


def test_the_same_config_gives_the_same_model(run: RunDir, config: RunConfig, tmp_path: Path) -> None:
    again = train(config, tmp_path / "again")
    assert again.model_path().read_bytes() == run.model_path().read_bytes()
    other = train(replace(config, seed=1, eval=EvalConfig(every=0)), tmp_path / "other")
    assert other.model_path().read_bytes() != run.model_path().read_bytes()


def test_the_models_own_size_is_written_down(config: RunConfig, tmp_path: Path) -> None:
    small = replace(config, model=replace(config.model, image_size=None), optim=OptimConfig(epochs=1))
    run = train(replace(small, batch=replace(small.batch, epoch="one-group")), tmp_path / "run")
    assert run.config().model.image_size == (128, 64)
    resumed = train(replace(small, batch=replace(small.batch, epoch="one-group")), run.path, resume=True)
    assert resumed == run


def test_a_run_opens_as_its_newest_model(run: RunDir) -> None:
    from_folder, from_file = load_run(run.path), load_run(run.model_path())
    tensors = load_file(run.checkpoints()[-1] / "model.safetensors")
    for model in (from_folder, from_file, open_model(str(run.path)), open_model(str(run.model_path()))):
        assert all(torch.equal(tensor, tensors[name]) for name, tensor in model.state_dict().items())
        assert not model.training
        assert (model.clip_len, model.image_size, model.spec.num_ids) == (2, (32, 16), 4)


def test_the_logged_figures_are_those_of_the_saved_model(run: RunDir, config: RunConfig) -> None:
    results = evaluate_model(load_run(run.path), load_test(config), config.eval, workers=0, device="cpu")
    last = [r for r in run.metrics() if r["kind"] == "eval"][-1]
    assert headline(results) == {
        name: pytest.approx(last[name]) for name in ("cross-camera/rank-1", "cross-camera/mAP")
    }
    json.dumps(headline(results))


def test_evaluations_along_the_way_use_the_runs_device(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []
    real_embed, real_score = stca.runs.distributed_embedding.embed_tracklets, stca.runs.running.score

    def embed(*arguments: object, **options: object) -> object:
        seen.append(options)
        return real_embed(*arguments, **options)

    def score(*arguments: object, **options: object) -> object:
        seen.append(options)
        return real_score(*arguments, **options)

    monkeypatch.setattr(stca.runs.distributed_embedding, "embed_tracklets", embed)
    monkeypatch.setattr(stca.runs.running, "score", score)
    settings = EvalConfig(every=0, batch_size=3, clip_len=4, metric="euclidean")
    train(replace(config, eval=settings, optim=OptimConfig(epochs=1), precision="bf16"), tmp_path / "run")
    assert seen == [
        {
            "clip_len": 4,
            "batch_size": 3,
            "device": "cpu",
            "precision": "float32",
            "runtime": "torch",
            "workers": 0,
            "neck": "after",
        },
        {"metric": "euclidean"},
    ]


def test_training_starts_from_the_weights_it_is_given(
    config: RunConfig, run: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = OptimConfig(epochs=1, lr=1e-12, weight_decay=0.0)
    start = replace(config.model, weights=(str(run.model_path()),))
    started = train(replace(config, model=start, optim=still, eval=EvalConfig(every=0)), tmp_path / "run")
    assert "model.safetensors: stca weights" in capsys.readouterr().out
    ours, theirs = load_file(started.model_path()), load_file(run.model_path())
    for name, tensor in theirs.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(ours[name], tensor, rtol=0, atol=1e-6, msg=name)


def test_a_resumed_run_does_not_load_them_again(config: RunConfig, run: RunDir, tmp_path: Path) -> None:
    weights = tmp_path / "start.safetensors"
    save_model(load_run(run.path), weights)
    start = replace(config, model=replace(config.model, weights=(str(weights),)))
    done = train(start, tmp_path / "run")
    weights.unlink()
    before = done.model_path().read_bytes()
    assert train(start, tmp_path / "run", resume=True).model_path().read_bytes() == before


def test_a_mistake_before_the_first_step_does_not_block_the_folder(config: RunConfig, tmp_path: Path) -> None:
    quick = replace(config, optim=OptimConfig(epochs=1), eval=EvalConfig(every=0))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        train(replace(quick, model=replace(config.model, weights=("missing.pth",))), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"Too few persons[\s\S]*batch\.identities=4"):
        train(replace(quick, batch=BatchConfig(identities=8)), tmp_path / "run")
    assert train(quick, tmp_path / "run").checkpoints()


def test_test_data_may_lie_elsewhere(
    config: RunConfig, make_people: Callable[..., Path], tmp_path: Path
) -> None:
    elsewhere = make_people(tmp_path / "test", persons=3, frames=2, seed=5)
    there = replace(config, data=replace(config.data, eval_roots=(str(elsewhere),)))
    assert len({t.person_id for t in load_train(there).train}) == 4
    test = load_test(there)
    assert len({t.person_id for t in test.query}) == 3
    assert all(elsewhere in path.parents for t in test.gallery for path in t.frames)
    assert load_test(config) == load_train(config)


def test_data_without_a_test_half_is_trained_on_without_tests(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load_dataset
    monkeypatch.setattr(
        stca.runs.running, "load_dataset", lambda *a, **o: replace(real(*a, **o), query=(), gallery=())
    )
    run = train(replace(config, optim=OptimConfig(epochs=1)), tmp_path / "run")
    assert {r["kind"] for r in run.metrics()} == {"train"}


def test_data_that_is_not_there_or_has_nobody_to_train_on_is_a_clear_error(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"no data[\s\S]*--data ROOT"):
        train(replace(config, data=DataConfig(source="folder")), tmp_path / "run")
    with pytest.raises(DatasetError):
        train(
            replace(config, data=DataConfig(source="folder", roots=(str(tmp_path / "no"),))), tmp_path / "run"
        )
    with pytest.raises(ConfigError, match=r"colour_histogram, .*stca"):
        train(replace(config, model=ModelConfig("resnet")), tmp_path / "run")
    real = load_dataset
    monkeypatch.setattr(stca.runs.running, "load_dataset", lambda *a, **o: replace(real(*a, **o), train=()))
    with pytest.raises(DatasetError, match="no training part"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_untrained_model_opens_by_name(people: Path) -> None:
    trained = create_model("stca_small", num_ids=4, image_size=(32, 16), width=4, layers=(1, 1, 1, 1))
    trained.clip_len = 3
    same, again = (open_model("stca_small", like=trained) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), again.parameters(), strict=True))
    assert (same.image_size, same.clip_len, same.embedding_dim) == ((32, 16), 3, trained.embedding_dim)
    histogram = open_model("colour_histogram", like=trained)
    assert histogram.image_size == (32, 16)
    rows = load_dataset("folder", people).train[:2]
    vectors = embed_tracklets(histogram, rows, device="cpu", workers=0).vectors
    assert np.isfinite(vectors).all()


def test_what_is_no_run_and_no_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no run"):
        load_run(tmp_path)
    with pytest.raises(CheckpointError, match="There is no run"):
        open_model(str(tmp_path / "missing"))
    with pytest.raises(CheckpointError, match="There is no model"):
        open_model("missing.safetensors")
    with pytest.raises(ConfigError, match="no model 'stca_smal'"):
        open_model("stca_smal")


def test_headlines_name_their_protocol(people: Path) -> None:
    model = create_model("colour_histogram", num_ids=0, image_size=(32, 16), stripes=2, bins=4)
    splits = replace(load_dataset("folder", people), protocols=("cross-camera", "same-track"))
    figures = headline(evaluate_model(model, splits, EvalConfig(), workers=0, device="cpu"))
    assert set(figures) == {f"{p}/{f}" for p in splits.protocols for f in ("rank-1", "mAP")}
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in figures.values())
