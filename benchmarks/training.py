"""Benchmark a training step against eager float32, and compare the learning curves of bf16 and float32.

    python benchmarks/training.py --parts step        # full STCA at 384x128: several minutes
    python benchmarks/training.py --parts curve       # 200 steps on walkers, float32 over seeds and bf16
    python benchmarks/training_step.py                # a separate script: time and memory of whole batches

Each part writes its own page. Eager float32 is PyTorch with defaults: the unmodified network, Adam, and
glibc's memory management. Each configuration runs in a fresh process in every round, since allocator settings
would otherwise carry over; the first step is not measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ceilings import best_product, best_seconds
from timing import ratios, spread, table, write_page

from stca.config import BatchConfig, ClipConfig, DataConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.runs import train
from stca.tools.devices import keep_freed_memory, resolve_device
from stca.tools.progress import progress
from stca.training import backward, launch
from stca.walkers import make_walkers

SIZE, CLIP_LEN = (384, 128), 8


PAGES = {"step": "training", "curve": "training-curve"}


@dataclass(frozen=True)
class Contender:
    """The configuration of a training step."""

    precision: str
    fused: bool
    keep: bool


CONTENDERS = {
    "eager float32": Contender("float32", fused=False, keep=False),
    "eager float32, memory kept": Contender("float32", fused=False, keep=True),
    "ours, float32": Contender("float32", fused=True, keep=True),
    "ours, bf16": Contender("bf16", fused=True, keep=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = {"step": step, "curve": curve}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--clips", type=int, default=4, help="clips per step, two per person")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5, help="number of float32 seeds")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--one", choices=CONTENDERS, help="internal: measure this configuration in this process"
    )
    args = parser.parse_args()
    if args.one:
        print(one_step(CONTENDERS[args.one], args.clips, args.device))
        return
    for part in args.parts:
        print(write_page(PAGES[part], "Training", [parts[part](args)]))


# ---- a step ----


def step(args: argparse.Namespace) -> str:
    device = resolve_device(args.device)
    product, product_gflop = best_product(torch.bfloat16, device)
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    best = []
    for _ in progress(range(args.rounds), label="rounds"):
        for name in CONTENDERS:
            seconds[name].append(in_own_process(name, args))
        best.append(product_gflop / best_seconds(product))
    gflop = 3 * 2 * 67.672 * args.clips
    rows = [
        (
            name,
            spread([s / args.clips for s in values]),
            spread(ratios(seconds, name, "eager float32")),
            f"{gflop / statistics.median(values):.0f}",
            spread([100 * gflop / s / b for s, b in zip(values, best, strict=True)], 0),
        )
        for name, values in seconds.items()
    ]
    head = ("", "seconds a clip", "times eager float32", "GFLOP/s", "% of the product")
    return (
        f"## A step of full STCA, {args.clips} clips of {CLIP_LEN} frames of {SIZE[0]}x{SIZE[1]}, "
        f"{device.type}\n\nForward, losses, backward, Adam; the second step of a new process, "
        f"{args.rounds} rounds. GFLOP/s count three forward passes' multiply-adds. The product: PyTorch's "
        f"best in bf16, which took its turn too, {spread(best, 0)} GFLOP/s.\n\n" + table(head, rows)
    )


def in_own_process(name: str, args: argparse.Namespace) -> float:
    command = [sys.executable, __file__, "--one", name, "--clips", str(args.clips), "--device", args.device]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])


def one_step(contender: Contender, clips: int, device: str) -> float:
    """Seconds of the second step of a new process."""
    fabric = launch(RunConfig(precision=contender.precision, device=device))
    if contender.keep and fabric.device.type == "cpu":
        keep_freed_memory()
    torch.manual_seed(0)
    frames = torch.randn(clips, CLIP_LEN, *SIZE, 3).movedim(-1, 2).to(fabric.device)
    ids = (torch.arange(clips) // 2).to(fabric.device)
    model = create_model("stca", num_ids=625, image_size=SIZE).train().to(fabric.device)
    objective = ReIDObjective(625, model.embedding_dim).to(fabric.device)
    adam = torch.optim.Adam(model.parameters(), lr=3.5e-4, weight_decay=5e-4, fused=contender.fused)
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        adam.zero_grad()
        losses = backward(fabric, model, objective, frames, ids)
        adam.step()
        float(losses.total.detach())
        if fabric.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
    return seconds


# ---- what is learnt ----


def curve(args: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        root = make_walkers(
            Path(folder) / "walkers", train_persons=24, test_persons=4, seed=3, size=(64, 32), frames=(8, 16)
        )
        runs = {
            f"{precision}-{seed}": losses(root, Path(folder), precision, seed, args.device)
            for seed in range(args.seeds)
            for precision in ("float32", "bf16")
        }
    exact = np.stack([runs[f"float32-{seed}"] for seed in range(args.seeds)])
    fast = np.stack([runs[f"bf16-{seed}"] for seed in range(args.seeds)])
    low, high = exact.min(axis=0), exact.max(axis=0)
    inside = ((fast >= low) & (fast <= high)).mean(axis=1)
    # for reference: how often a float32 seed lies within the range of the other seeds
    others = [np.delete(exact, i, axis=0) for i in range(len(exact))]
    left_out = [
        float(((row >= rest.min(axis=0)) & (row <= rest.max(axis=0))).mean())
        for row, rest in zip(exact, others, strict=True)
    ]
    same_seed = np.abs(fast - exact).mean() / (high - low).mean()
    rows = [
        (f"{at}", spread(exact[:, at - 1].tolist()), spread(fast[:, at - 1].tolist()))
        for at in (20, 50, 100, 150, len(low))
    ]
    return (
        f"## 200 steps on walkers, {args.seeds} seeds\n\n"
        "stca_small, 8 x 2 clips of 4 frames of 64x32, Adam at 1e-3; the whole loss, mean over 10 steps, "
        "median and range over seeds.\n\n"
        + table(("step", "float32", "bf16"), rows)
        + f"\nbf16 lies within the range of float32's seeds in {100 * inside.mean():.0f} % of the steps "
        f"({100 * inside.min():.0f} to {100 * inside.max():.0f} % by seed); a float32 seed lies within the "
        f"range of the other seeds in {100 * float(np.mean(left_out)):.0f} %. A bf16 run differs from the "
        f"float32 run of its own seed by {100 * same_seed:.0f} % of that range on average.\n"
    )


def losses(root: Path, folder: Path, precision: str, seed: int, device: str) -> np.ndarray:
    """(191,) total losses of the first 200 steps, as a moving average over 10 steps."""
    config = RunConfig(
        recipe="benchmark",
        data=DataConfig("walkers", (str(root),)),
        model=ModelConfig("stca_small", (64, 32)),
        clips=ClipConfig(4),
        batch=BatchConfig(instances=2),
        optim=OptimConfig(epochs=24, lr=1e-3, milestones=(), warmup_epochs=1),
        eval=EvalConfig(every=0),
        seed=seed,
        device=device,
        precision=precision,
        workers=1,
        log_every=1,
    )
    run = train(config, folder / f"{precision}-{seed}", test=False)
    text = (run.path / "metrics.jsonl").read_text().splitlines()
    totals = [r["total"] for r in map(json.loads, text) if r["kind"] == "train"][:200]
    assert len(totals) == 200, f"only {len(totals)} steps"
    return np.convolve(totals, np.ones(10) / 10, mode="valid")


if __name__ == "__main__":
    main()
