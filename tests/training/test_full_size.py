"""The paper's batch at full size."""

import json
import math
import os
import subprocess
import sys

import pytest

FULL_SIZE = """
import json, resource, time
import torch
from lightning_fabric import Fabric
from stca.clips import normalise
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.training import backward

torch.manual_seed(0)
model, objective = create_model("stca", num_ids=625).train(), ReIDObjective(625, 2048)
optimizer = torch.optim.Adam(model.parameters(), lr=3.5e-4)
clips = normalise(torch.randint(256, (32, 8, 384, 128, 3), dtype=torch.uint8))
ids = torch.arange(8).repeat_interleave(4)
start = time.perf_counter()
losses = backward(Fabric(accelerator="cpu", devices=1), model, objective, clips, ids, micro_batch=4)
optimizer.step()
learnt = [p for p in [*model.parameters(), *objective.parameters()] if p.requires_grad]
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    "losses": [float(each.detach()) for each in losses],
    "without_gradient": sum(p.grad is None for p in learnt),
    "not_finite": sum(not p.grad.isfinite().all() for p in learnt if p.grad is not None),
}))
"""


@pytest.mark.slow
def test_a_step_of_the_papers_batch_at_full_size_fits_into_20_gigabytes() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", FULL_SIZE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(f"{found['seconds']:.0f} s, peak {found['peak_bytes'] / 1e9:.1f} GB")
    assert found["peak_bytes"] <= 20e9
    assert all(map(math.isfinite, found["losses"]))
    assert found["losses"][1] > 0
    assert found["without_gradient"] == found["not_finite"] == 0
