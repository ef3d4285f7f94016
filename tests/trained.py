"""A training of seconds, and what tests of training ask of it."""

import pytest
import torch
from safetensors.torch import load_file

from stca.config import BatchConfig, ClipConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.models import ReIDModel, create_model
from stca.run_dir import RunDir
from stca.training import loop

CONFIG = RunConfig(
    model=ModelConfig("stca_small", (32, 16), {"width": 4, "layers": (1, 1, 1, 1)}),
    clips=ClipConfig(clip_len=2),
    batch=BatchConfig(identities=4, instances=2),
    optim=OptimConfig(epochs=2, lr=1e-3, milestones=()),
    eval=EvalConfig(every=0),
    device="cpu",
    precision="float32",
    workers=0,
    log_every=1,
)
"""Four persons with four tracklets: two steps an epoch."""


def model_of(num_ids: int = 4, **options: object) -> ReIDModel:
    torch.manual_seed(0)
    return create_model(
        "stca_small",
        num_ids=num_ids,
        image_size=(32, 16),
        width=4,
        layers=(1, 1, 1, 1),
        clip_len=2,
        **options,
    )


class StoppedError(Exception):
    """A kill."""


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next training fail in that step."""
    real, done = loop.backward, []

    def counting(*args: object, **kwargs: object) -> object:
        done.append(1)
        if len(done) == step:
            raise StoppedError
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "backward", counting)


def assert_equal_runs(one: RunDir, two: RunDir) -> None:
    a, b = load_file(one.model_path()), load_file(two.model_path())
    assert all(torch.equal(tensor, b[name]) for name, tensor in a.items())
    assert one.model_path().read_bytes() == two.model_path().read_bytes()
    first, second = one.load_state(), two.load_state()
    assert first is not None
    assert second is not None
    for name in ("epoch", "batch", "step"):
        assert first[name] == second[name]
    torch.testing.assert_close(first["optimizer"]["state"], second["optimizer"]["state"], rtol=0, atol=0)
    torch.testing.assert_close(first["objective"], second["objective"], rtol=0, atol=0)
    drop = ("clips_per_s",)
    logs = [[{k: v for k, v in r.items() if k not in drop} for r in run.metrics()] for run in (one, two)]
    assert logs[0] == logs[1]
