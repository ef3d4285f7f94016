import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stca import run_dir
from stca.config import BatchConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.errors import CheckpointError, ConfigError
from stca.run_dir import RunDir

CONFIG = RunConfig(optim=OptimConfig(epochs=3))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "runs" / "one", CONFIG)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_run_keeps_its_config(run: RunDir) -> None:
    assert names(run.path) == ["config.yaml", "provenance.json"]
    assert {"command", "commit", "machine", "torch"} <= set(run.provenance())
    assert run.config() == CONFIG
    assert RunDir.open(run.path) == run
    assert run.metrics() == []
    assert run.checkpoints() == []
    assert run.load_state() is None
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        run.model_path()


def test_a_run_may_use_an_empty_folder_but_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    RunDir.create(tmp_path / "empty", CONFIG)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for taken in ("full", "file"):
        with pytest.raises(ConfigError, match="folder of its own"):
            RunDir.create(tmp_path / taken, CONFIG, resume=True)
        with pytest.raises(ConfigError, match="folder of its own"), RunDir.alone(tmp_path / taken):
            pass
    assert names(tmp_path / "full") == ["thesis.tex"]


def test_a_run_is_not_overwritten_unless_resumed_with_the_same_config(run: RunDir) -> None:
    run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    with pytest.raises(ConfigError, match="--resume"):
        RunDir.create(run.path, CONFIG)
    assert RunDir.create(run.path, CONFIG, resume=True) == run
    other = replace(CONFIG, seed=4, optim=OptimConfig(epochs=3, lr=0.1))
    with pytest.raises(ConfigError, match="another config") as caught:
        RunDir.create(run.path, other, resume=True)
    assert caught.value.found == "optim.lr=0.1 (was 0.00035), seed=4 (was 0)"
    assert run.config() == CONFIG


def test_options_given_as_tuples_are_no_other_config(tmp_path: Path) -> None:
    config = replace(CONFIG, model=ModelConfig("stca_small", (32, 16), {"layers": (1, 1, 1, 1)}))
    run = RunDir.create(tmp_path / "run", config)
    run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    assert RunDir.create(run.path, config, resume=True) == run


def test_where_and_how_it_is_computed_may_change(run: RunDir) -> None:
    run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    elsewhere = replace(
        CONFIG,
        workers=5,
        device="cpu",
        log_every=3,
        checkpoint_every=2,
        checkpoint_steps=7,
        batch=BatchConfig(checkpoint_activations=True),
        eval=EvalConfig(batch_size=1),
    )
    assert RunDir.create(run.path, elsewhere, resume=True) == run
    assert run.config() == CONFIG
    with pytest.raises(ConfigError, match="precision=bf16"):
        RunDir.create(run.path, replace(elsewhere, precision="bf16"), resume=True)
    with pytest.raises(ConfigError, match=r"batch\.sync_norm=True"):
        RunDir.create(run.path, replace(CONFIG, batch=BatchConfig(sync_norm=True)), resume=True)


def test_a_run_remembers_how_it_began_or_that_nobody_knows(run: RunDir) -> None:
    began = run.provenance()
    file = run.path / "provenance.json"
    file.write_text(json.dumps({**began, "command": "stca train then"}))
    assert run.provenance()["command"] == "stca train then"
    for loss in (lambda: file.write_text("{"), file.unlink):
        loss()
        assert run.provenance() == dict.fromkeys(began, "unknown"), "not this process's, which only reads"


def test_a_run_remembers_who_went_on_with_it_and_came_further(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = run.provenance()
    for step, commit in ((2, "none"), (2, "more"), (5, "lost"), (4, "last"), (9, "idle")):
        for saved in run.checkpoints():
            if saved.name > f"step-{step:07d}":
                shutil.rmtree(saved)  # it was damaged
        run.save_checkpoint(step, b"model", {"epoch": 0, "step": step})
        monkeypatch.setattr(run_dir, "provenance", lambda commit=commit: {**began, "commit": commit})
        RunDir.create(run.path, CONFIG, resume=True)
    assert [(each["step"], each["commit"]) for each in run.trained_by()] == [
        ("0", began["commit"]),
        ("2", "more"),
        ("4", "last"),
    ]
    assert run.provenance() == began


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_failed_before_its_first_step_is_begun_anew(run: RunDir, resume: bool) -> None:
    other = replace(CONFIG, seed=4)
    assert RunDir.create(run.path, other, resume=resume).config() == other


def test_a_run_without_a_checkpoint_is_begun_anew_when_asked_to_go_on(run: RunDir) -> None:
    run.log({"kind": "train", "step": 1})
    other = replace(CONFIG, seed=4)
    with pytest.raises(ConfigError, match="There is a run"):
        RunDir.create(run.path, other)
    assert RunDir.create(run.path, other, resume=True).config() == other
    assert run.metrics() == []


def test_a_config_of_few_lines_and_endless_values_is_refused(run: RunDir) -> None:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (run.path / "config.yaml").write_text("\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *lines]))
    with pytest.raises(ConfigError, match="config cannot be read"):
        run.config()


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("beside", [(), ("metrics.jsonl",)])
def test_the_config_of_another_program_is_not_overwritten(
    tmp_path: Path, resume: bool, beside: tuple[str, ...]
) -> None:
    for name in ("config.yaml", *beside):
        (tmp_path / name).write_text("database: production\n")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        RunDir.create(tmp_path, CONFIG, resume=resume)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"database: production\n"}


def test_there_must_be_a_run_to_open(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no run[\s\S]*config\.yaml"):
        RunDir.open(tmp_path)


def test_metrics_come_back_in_order_of_their_steps(run: RunDir) -> None:
    for step in (1, 10, 20):
        run.log({"kind": "train", "step": step, "total": step / 10})
    run.log({"kind": "eval", "step": 10, "mars-A/mAP": 0.5})
    assert [(r["kind"], r["step"]) for r in run.metrics()] == [
        ("train", 1),
        ("train", 10),
        ("eval", 10),
        ("train", 20),
    ]


def test_a_step_done_again_counts_once_as_it_came_out_last(run: RunDir) -> None:
    for step, total in ((1, 3.0), (2, 2.5), (3, 2.4), (2, 9.0), (3, 8.0)):
        run.log({"kind": "train", "step": step, "total": total})
    assert [(r["step"], r["total"]) for r in run.metrics()] == [(1, 3.0), (2, 9.0), (3, 8.0)]


@pytest.mark.parametrize(
    "damage",
    [
        b'{"kind": "train", "st',
        b"[1, 2]\n",
        b"17\n",
        b'{"step": 3}\n',
        b'{"kind": "train", "step": null}\n',
        b'{"kind": ["train"], "step": 3}\n',
        b"\0\0\0\0\n",
        b"\xff\xfe\xfa\n",
        b"\n",
    ],
)
def test_a_damaged_line_is_left_out_and_costs_no_other(run: RunDir, damage: bytes) -> None:
    run.log({"kind": "train", "step": 1})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(damage)
    run.log({"kind": "train", "step": 2})  # a resumed run writes on behind what the crash left
    run.log({"kind": "train", "step": 3})
    assert [r["step"] for r in run.metrics()] == [1, 2, 3]


def test_metrics_are_plain_lines_of_json(run: RunDir) -> None:
    run.log({"kind": "train", "step": 1, "total": 1.25})
    run.log({"kind": "train", "step": 2, "total": 1.0})
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_a_checkpoint_is_model_and_state_together(run: RunDir) -> None:
    state = {"epoch": 2, "step": 17, "optimizer": {"momentum": torch.arange(3.0)}}
    folder = run.save_checkpoint(17, b"model", state)
    assert folder == run.path / "checkpoints" / "step-0000017"
    assert names(folder) == ["model.safetensors", "state.pt"]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert run.model_path().read_bytes() == b"model"
    loaded = run.load_state()
    assert loaded is not None
    assert (loaded["epoch"], loaded["step"]) == (2, 17)
    assert torch.equal(loaded["optimizer"]["momentum"], torch.arange(3.0))


def test_the_last_two_checkpoints_are_kept(run: RunDir) -> None:
    for step in (5, 9, 10, 100):
        run.save_checkpoint(step, b"%d" % step, {"epoch": step, "step": step})
    (run.path / "checkpoints" / "step-0000100.bak").mkdir()
    assert [path.name for path in run.checkpoints()] == ["step-0000010", "step-0000100"]
    assert run.model_path().read_bytes() == b"100"
    assert run.step() == 100


def test_a_checkpoint_may_be_written_again(run: RunDir) -> None:
    run.save_checkpoint(5, b"old", {"epoch": 5, "step": 5})
    run.save_checkpoint(5, b"new", {"epoch": 5, "step": 5})
    assert [path.name for path in run.checkpoints()] == ["step-0000005"]
    assert run.model_path().read_bytes() == b"new"


def full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("failure", [full_disk, killed])
@pytest.mark.parametrize("target", ["torch.save", "os.rename", "os.fsync"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_ones_whole(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, target: str, failure: Callable[..., None]
) -> None:
    run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    run.save_checkpoint(2, b"two", {"epoch": 2, "step": 2})
    with monkeypatch.context() as patch:
        patch.setattr(target, failure)
        with pytest.raises((OSError, KeyboardInterrupt)):
            run.save_checkpoint(3, b"three", {"epoch": 3, "step": 3})
    assert names(run.path / "checkpoints") == ["step-0000001", "step-0000002"]
    assert run.model_path().read_bytes() == b"two"
    assert run.load_state() == {"epoch": 2, "step": 2}


def test_what_a_killed_process_left_is_no_checkpoint_and_goes_when_the_run_goes_on(run: RunDir) -> None:
    run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    (run.path / "checkpoints" / ".unfinished-x1y2").mkdir()
    (run.path / "checkpoints" / ".unfinished-x1y2" / "model.safetensors").write_bytes(b"half")
    assert [path.name for path in run.checkpoints()] == ["step-0000001"]
    RunDir.open(run.path)  # by a reader, while another process may be saving
    assert len(names(run.path / "checkpoints")) == 2
    RunDir.create(run.path, CONFIG, resume=True)
    assert names(run.path / "checkpoints") == ["step-0000001"]


def test_a_run_begun_anew_keeps_nothing_of_before(run: RunDir) -> None:
    (run.path / "checkpoints" / ".unfinished-x1y2").mkdir(parents=True)
    (run.path / "tensorboard").mkdir()
    (run.path / "tensorboard" / "events").touch()
    run.log({"kind": "train", "step": 1})
    RunDir.create(run.path, CONFIG, resume=True)
    assert names(run.path) == ["checkpoints", "config.yaml", "provenance.json"]
    assert names(run.path / "checkpoints") == []


@pytest.mark.parametrize("name", ["epoch", "batch", "step"])
def test_a_state_of_less_than_nothing_is_not_loaded(run: RunDir, name: str) -> None:
    run.save_checkpoint(1, b"one", {"epoch": 1, "batch": 1, "step": 1, name: -1})
    with pytest.raises(CheckpointError, match="a negative"):
        run.load_state()


def test_a_state_that_is_damaged_or_holds_code_is_not_loaded(run: RunDir, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    folder = run.save_checkpoint(1, b"one", {"epoch": 1, "step": 1})
    whole = (folder / "state.pt").read_bytes()
    torch.save({"epoch": 1, "step": 1, "evil": Evil()}, folder / "state.pt")
    evil = (folder / "state.pt").read_bytes()
    for content in (whole[:-100], b"", b"text", evil):
        (folder / "state.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"state\.pt"):
            run.load_state()
    assert not (tmp_path / "ran").exists()
