"""Two processes give what one gives: losses, gradients, and a run that ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sequences import TINY_MODEL, tiny_walkers

GRADIENTS = """
import sys
from pathlib import Path
import torch
from stca.clips import PKSampler
from stca.config import RunConfig
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.training import backward, launch

out, micro_batch = Path(sys.argv[1]), int(sys.argv[2]) or None
fabric = launch(RunConfig(device="cpu", precision="float32"))
torch.manual_seed(0)
# Norms in evaluation mode: their batch statistics are of a rank's share, which is the one known difference.
model = create_model("stca_small", num_ids=4, image_size=(32, 16), width=4).eval()
objective = ReIDObjective(4, 128, center_weight=0.1)
generator = torch.Generator().manual_seed(1)
clips = torch.randn(16, 2, 3, 32, 16, generator=generator)
person = torch.arange(16) // 4
sampler = PKSampler(person, identities=4, instances=4, rank=fabric.global_rank, world_size=fabric.world_size)
rows = next(iter(sampler))
losses = backward(fabric, model, objective, clips[rows], person[rows], micro_batch=micro_batch)
parameters = [*model.named_parameters(), *objective.named_parameters()]
torch.save(
    {"losses": torch.stack(list(losses)).detach(), **{n: p.grad for n, p in parameters if p.grad is not None}},
    out / f"world{fabric.world_size}-rank{fabric.global_rank}.pt",
)
"""


def torchrun(processes: int, *arguments: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run([*call, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_losses_and_gradients_are_those_of_one_process(micro_batch: int, tmp_path: Path) -> None:
    import torch

    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    for processes in (1, 2):
        torchrun(processes, str(script), str(tmp_path), str(micro_batch))
    one = torch.load(tmp_path / "world1-rank0.pt")
    for rank in (0, 1):
        two = torch.load(tmp_path / f"world2-rank{rank}.pt")
        assert two.keys() == one.keys()
        torch.testing.assert_close(two["losses"], one["losses"], rtol=1e-5, atol=1e-6)
        assert one["losses"][1] > 0, "the triplet loss is there"
        for name, gradient in one.items():
            scale = float(gradient.abs().max())
            torch.testing.assert_close(two[name], gradient, rtol=1e-4, atol=1e-5 * scale + 1e-8, msg=name)


def test_a_run_of_two_processes_ends_as_one_run(tmp_path: Path) -> None:
    walkers = tiny_walkers(tmp_path / "walkers")
    stca = Path(sys.executable).with_name("stca")
    call = [
        stca,
        "train",
        "small_walkers",
        "--data",
        walkers,
        "--out",
        tmp_path / "run",
        *TINY_MODEL,
        "devices=2",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [r["kind"] for r in records] == ["train", "eval"], "rank 0 alone writes"
    assert len(list((tmp_path / "run").glob("checkpoints/step-*"))) == 1
