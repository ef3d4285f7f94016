"""Measure time and peak memory of full training steps (forward, losses, backward, Adam) on random clips.

python benchmarks/training_step.py --micro-batch 4                       # 32 clips through a CPU or small GPU
python benchmarks/training_step.py --precision bf16 float32 --steps 10   # a large GPU
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import time

import torch

from stca.config import RunConfig
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.tools.devices import resolve_precision
from stca.tools.provenance import provenance
from stca.training import backward, launch


@dataclasses.dataclass(frozen=True)
class Measured:
    """One row of the result: medians over the steps after the first."""

    model: str
    clips: str
    micro_batch: int | None
    precision: str
    seconds_per_step: float
    clips_per_second: float
    peak_memory_gb: float
    loss: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="stca")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 128), metavar=("H", "W"))
    parser.add_argument("--identities", type=int, default=8)
    parser.add_argument("--instances", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--num-ids", type=int, default=625)
    parser.add_argument(
        "--micro-batch", type=int, nargs="*", default=[], help="clips per forward pass; default: all"
    )
    parser.add_argument("--precision", nargs="+", default=["auto"], choices=("auto", "float32", "bf16"))
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    rows = [
        dataclasses.asdict(measure(args, precision, micro))
        for precision in args.precision
        for micro in (args.micro_batch or [None])
    ]
    print(json.dumps({"provenance": provenance(), "rows": rows}, indent=1))


def measure(args: argparse.Namespace, precision: str, micro_batch: int | None) -> Measured:
    fabric = launch(RunConfig(precision=precision))
    device = fabric.device
    precision = resolve_precision(precision, device)
    torch.manual_seed(0)
    model = create_model(args.model, num_ids=args.num_ids, image_size=tuple(args.size)).train()
    objective = ReIDObjective(args.num_ids, model.embedding_dim).to(fabric.device)
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=3.5e-4, weight_decay=5e-4)
    batch = args.identities * args.instances
    clips = torch.randn(batch, args.frames, 3, *args.size, device=fabric.device)
    ids = torch.arange(args.identities, device=fabric.device).repeat_interleave(args.instances)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(args.steps + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        losses = backward(fabric, model, objective, clips, ids, micro_batch=micro_batch)
        optimizer.step()
        loss = float(losses.total.detach())  # waits for the device
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        print(
            f"{precision}, {micro_batch or batch} clips at once: {seconds[-1]:.3f} s, loss {loss:.3f}",
            flush=True,
        )
    median = sorted(seconds[1:])[len(seconds[1:]) // 2]
    shape = f"{batch} x {args.frames} x {args.size[0]}x{args.size[1]}"
    return Measured(
        args.model, shape, micro_batch, precision, median, batch / median, peak_memory(device), loss
    )


def peak_memory(device: torch.device) -> float:
    """Peak memory in GB: of the GPU since the last reset, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
