"""Peers can be trained and run as other models: clips are independent, gradients flow, norms fold."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from official_peers import TOLERANCE, error
from small_peers import REPRESENTATIVES, clips_for, every_peer, frames_of, objective_for, size_of, small_peer
from stca.config import ClipConfig, LossConfig, ModelConfig, RunConfig
from stca.datasets import load_dataset
from stca.errors import ConfigError
from stca.export import export_model
from stca.inference.vectors import fold_norms
from stca.losses import AUTHORS
from stca.models import PEERS, ReIDModel, load_model, save_model
from stca.recipes import recipe
from stca.recipes.peers import TRAININGS
from stca.run_dir import RunDir
from stca.training import backward, fit
from stca.training.state import objective_class
from trained import CONFIG, StoppedError, assert_equal_runs, stop_at

IDLE: dict[str, str] = {"STMN": "frame_head", "PSTA": "lower_heads", "GRL": "verification"}
"""By system: a pattern of parameters that only its authors' losses see."""

IDS = torch.arange(8) // 2


def unlike_new(model: ReIDModel) -> ReIDModel:
    """With statistics as if it had learnt."""
    for key, buffer in model.named_buffers():
        if key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model


def gradients(name: str, model: ReIDModel, micro_batch: int | None) -> dict[str, torch.Tensor]:
    model.zero_grad()
    objective = objective_for(name, model, center_weight=0.1)
    fabric = Fabric(accelerator="cpu", devices=1)
    losses = backward(fabric, model, objective, clips_for(name), IDS, micro_batch=micro_batch)
    found = {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
    return {"losses": torch.stack(list(losses)).detach(), **found}


@pytest.mark.parametrize("name", every_peer(REPRESENTATIVES))
def test_clips_of_a_batch_do_not_see_each_other(name: str) -> None:
    model, clips = unlike_new(small_peer(name)), clips_for(name, 2)
    with torch.inference_mode():
        together = model.eval()(clips).embedding
        alone = torch.cat([model(clip[None]).embedding for clip in clips])
        folded = fold_norms(model)(clips).embedding
    assert error(together, alone.numpy()) <= TOLERANCE
    assert error(folded, together.numpy()) <= TOLERANCE
    assert together.shape == (2, model.embedding_dim)


@pytest.mark.parametrize("name", every_peer(REPRESENTATIVES))
def test_it_learns_and_comes_back(name: str, tmp_path: Path) -> None:
    """By its authors' losses, which reach every parameter."""
    model = small_peer(name).train()
    objective, clips, losses = objective_for(name, model), clips_for(name), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        parts = backward(Fabric(accelerator="cpu", devices=1), model, objective, clips, IDS)
        losses.append(float(parts.total.detach()))
        optimizer.step()
    assert min(losses[1:]) < losses[0]
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    with torch.inference_mode():
        torch.testing.assert_close(again(clips), model.eval()(clips), rtol=0, atol=0)


@pytest.mark.parametrize("name", every_peer([n for n in REPRESENTATIVES if PEERS[n].system in AUTHORS]))
def test_pieces_give_the_gradient_of_the_whole_batch(name: str) -> None:
    model = unlike_new(small_peer(name)).eval()
    whole, pieces = gradients(name, model, None), gradients(name, model, 3)
    assert set(whole) == set(pieces)
    for key, gradient in whole.items():
        largest = float(gradient.abs().max())
        torch.testing.assert_close(pieces[key], gradient, rtol=1e-3, atol=1e-4 * largest + 1e-6, msg=key)


@pytest.mark.parametrize("name", every_peer(["stmn", "ap3dres50", "psta"]))
def test_training_in_bf16_has_the_gradients_of_float32(name: str) -> None:
    """Without updates of norms by the batch, through which rounding is rough (`test_every_model.py`)."""
    model, clips = unlike_new(small_peer(name)).eval(), clips_for(name)
    found = []
    for bf16 in (False, True):
        model.zero_grad()
        objective = objective_for(name, model)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            rows = objective.clip_rows(model, clips)
        torch.autograd.backward(objective.batch_loss(model, rows.float(), IDS).total)
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    # 0.7 is loose because rounding can change which clips and places are hardest (mining, maxima); it tells a
    # gradient of the wrong sign, or of noise, from a rounded one, and no more.
    assert torch.cosine_similarity(*found, dim=0) > 0.7


def config_for(name: str, by: str | None = None) -> RunConfig:
    """By the losses of the network's authors, where they have some of their own, unless `by` says otherwise."""
    by = by or ("authors" if PEERS[name].system in AUTHORS else "stca")
    options = {"width": 4, "layers": (1, 2, 2, 1), "clip_len": frames_of(name)}
    return replace(
        CONFIG,
        model=ModelConfig(name, size_of(name), options),
        clips=ClipConfig(clip_len=frames_of(name)),
        loss=LossConfig(by=by),
    )


STATEFUL = ("stmn", "grl")
"""A classifier of frames; tables that follow the features and are part of a checkpoint."""


@pytest.mark.parametrize("name", every_peer(STATEFUL))
def test_an_interrupted_run_goes_on_to_the_same_bits(
    name: str, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracklets, config = load_dataset("folder", people).train, config_for(name)
    whole = RunDir.create(tmp_path / "whole", config)
    fit(small_peer(name), tracklets, config, whole)
    broken = RunDir.create(tmp_path / "broken", config)
    with monkeypatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(StoppedError):
            fit(small_peer(name), tracklets, config, broken)
    again = RunDir.create(tmp_path / "broken", config, resume=True)
    fit(small_peer(name), tracklets, config, again)
    assert_equal_runs(whole, again)


@pytest.mark.parametrize("name", ["trinet", "grl"])
def test_what_has_no_classifier_says_what_to_train_it_by(name: str, people: Path, tmp_path: Path) -> None:
    config = config_for(name, by="stca")
    with pytest.raises(ConfigError, match=r"no classifier[\s\S]*loss\.by=authors"):
        fit(
            small_peer(name),
            load_dataset("folder", people).train,
            config,
            RunDir.create(tmp_path / "r", config),
        )


@pytest.mark.parametrize(
    ("name", "loss", "said"),
    [
        ("nvan", LossConfig(by="authors"), r"no losses of this network's authors[\s\S]*loss\.by=stca"),
        ("trinet", LossConfig(by="authors", margin=0.5), r"no use for loss\.margin"),
        ("gltr", LossConfig(by="authors", metric="euclidean"), r"no use for loss\.metric"),
        ("grl", LossConfig(by="authors", center_weight=0.1), r"no use for loss\.center_weight"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(name: str, loss: LossConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        objective_class(small_peer(name), replace(config_for(name), loss=loss))


@pytest.mark.parametrize("name", [name for name in TRAININGS if TRAININGS[name].losses_of == "authors"])
def test_recipes_set_nothing_that_would_do_nothing(name: str) -> None:
    assert objective_class(small_peer(name), recipe(f"{name}_mars")) is AUTHORS[PEERS[name].system]


FAST_EXPORTS = {("psta", "xml"), ("stmn", "xml"), ("ap3dres50", "xml"), ("sinet_c2d", "xml")}
"""Relations between places, an LSTM with memories, a maximum over space; a graph for ONNX takes long."""


def marks_of(name: str, form: str) -> list[pytest.MarkDecorator]:
    return [] if (name, form) in FAST_EXPORTS else [pytest.mark.slow]


EXPORTS = [pytest.param(name, form, marks=marks_of(name, form)) for name in PEERS for form in ("onnx", "xml")]


@pytest.mark.parametrize(("name", "form"), EXPORTS)
def test_it_is_exported_with_the_same_vectors(name: str, form: str, tmp_path: Path) -> None:
    """`export_model` compares the file's vectors with PyTorch's, and says by how much they differ."""
    model, path = unlike_new(small_peer(name)).eval(), tmp_path / f"net.{form}"
    report = export_model(model, path)
    assert report.error < 1e-3


SCRIPT = """
import os, signal, socket, sys, traceback
import torch, torch._dynamo
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from small_peers import clips_for, objective_for, small_peer
from stca.training import backward

def work():
    fabric = Fabric(accelerator="cpu", devices=2, strategy=DDPStrategy())
    fabric.launch()
    assert fabric.world_size == 2
    torch.set_num_threads(1)
    mine = slice(4 * fabric.global_rank, 4 * fabric.global_rank + 4)
    ids, found = torch.arange(8) // 2, {}
    for name in sys.argv[2:]:
        model = small_peer(name).eval()
        objective = objective_for(name, model, center_weight=0.1)
        losses = backward(fabric, model, objective, clips_for(name)[mine], ids[mine])
        found[name] = {key: p.grad for key, p in model.named_parameters() if p.grad is not None}
        found[name]["losses"] = torch.stack(list(losses)).detach()
    torch.save(found, f"{sys.argv[1]}/{fabric.global_rank}.pt")

def start(rank, port):
    # Forks, since importing takes far longer than the work; with what torchrun gives its processes.
    if pid := os.fork():
        return pid
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), GROUP_RANK="0", WORLD_SIZE="2", LOCAL_WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="none",
    )
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
running = {start(rank, port) for rank in (0, 1)}
while running:
    pid, status = os.wait()
    running.remove(pid)
    if status:
        for each in running:
            os.kill(each, signal.SIGKILL)
        sys.exit(1)
"""


@pytest.mark.parametrize("chosen", [STATEFUL, pytest.param(tuple(PEERS), marks=pytest.mark.slow)], ids=len)
def test_two_processes_have_the_gradients_of_one(chosen: tuple[str, ...], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, script, tmp_path, *chosen], capture_output=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}.pt")
        for name in chosen:
            expected = gradients(name, small_peer(name).eval(), None)
            assert set(expected) == set(found[name])
            for key, gradient in expected.items():
                atol = 1e-4 * float(gradient.abs().max()) + 1e-6
                torch.testing.assert_close(
                    found[name][key], gradient, rtol=1e-3, atol=atol, msg=f"{name} {key}"
                )


def test_idle_parts_are_those_that_only_authors_losses_see() -> None:
    for name in REPRESENTATIVES:
        model = small_peer(name).train()
        output = model(clips_for(name))
        (output.embedding.square().mean() + output.logits.square().sum()).backward()
        idle = {key for key, p in model.named_parameters() if p.requires_grad and p.grad is None}
        pattern = IDLE.get(PEERS[name].system)
        assert idle == {
            key
            for key, p in model.named_parameters()
            if p.requires_grad and pattern and re.search(pattern, key)
        }
        assert not idle or PEERS[name].system in AUTHORS
