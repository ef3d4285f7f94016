"""A training step beside eager float32, and whether bf16 learns what float32 learns.

    python benchmarks/training.py                     # full STCA at 384x128: some minutes
    python benchmarks/training.py --parts curve       # 200 steps on walkers, float32 over seeds and bf16
    python benchmarks/training_step.py                # another thing: seconds and memory of whole batches

Eager float32 is PyTorch as one finds it: the network as it is, Adam with its defaults. On a CPU glibc hands
freed memory back to the kernel after every step, which ours does not let it do; a row shows what that alone
is worth.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from timing import ratios, spread, table, take_turns, write_page

from stca.config import BatchConfig, ClipConfig, DataConfig, EvalConfig, ModelConfig, OptimConfig, RunConfig
from stca.datasets.walkers import make_walkers
from stca.devices import keep_freed_memory
from stca.losses import ReIDObjective
from stca.models import create_model
from stca.runs import train
from stca.training import backward, launch

SIZE, CLIP_LEN = (384, 128), 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = {"step": step, "curve": curve}
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--clips", type=int, default=4, help="of a step; two a person")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5, help="of float32")
    given = parser.parse_args()
    command = "python benchmarks/training.py --parts " + " ".join(given.parts)
    name = "training" if "step" in given.parts else "training-curve"
    print(write_page(name, "Training", [parts[part](given) for part in given.parts], command=command))


# ---- a step ----


def step(given: argparse.Namespace) -> str:
    torch.manual_seed(0)
    frames = torch.randn(given.clips, CLIP_LEN, *SIZE, 3).movedim(-1, 2)
    ids = torch.arange(given.clips) // 2
    contenders = {
        "eager float32": stepper("float32", frames, ids, fused=False, keep=False),
        "eager float32, memory kept": stepper("float32", frames, ids, fused=False, keep=True),
        "ours, float32": stepper("float32", frames, ids, fused=True, keep=True),
        "ours, bf16": stepper("bf16", frames, ids, fused=True, keep=True),
    }
    seconds = take_turns(contenders, rounds=given.rounds, label="steps")
    rows = [
        (
            name,
            spread([s / given.clips for s in values]),
            spread(ratios(seconds, name, "eager float32")),
            f"{3 * 2 * 67.672 * given.clips / statistics.median(values):.0f}",
        )
        for name, values in seconds.items()
    ]
    return (
        f"## A step of full STCA, {given.clips} clips of {CLIP_LEN} frames of {SIZE[0]}x{SIZE[1]}\n\n"
        "Forward, losses, backward, Adam. GFLOP/s count three forward passes' multiply-adds.\n\n"
        + table(("", "seconds a clip", "times eager float32", "GFLOP/s"), rows)
    )


def stepper(
    precision: str, clips: torch.Tensor, ids: torch.Tensor, *, fused: bool, keep: bool
) -> Callable[[], object]:
    fabric = launch(RunConfig(precision=precision, device="cpu"))
    torch.manual_seed(0)
    model = create_model("stca", num_ids=625, image_size=SIZE).train()
    objective = ReIDObjective(625, model.embedding_dim)
    adam = torch.optim.Adam(model.parameters(), lr=3.5e-4, weight_decay=5e-4, fused=fused)

    def run() -> None:
        keep_freed_memory() if keep else give_memory_back()
        adam.zero_grad()
        backward(fabric, model, objective, clips, ids)
        adam.step()
        adam.zero_grad()

    return run


def give_memory_back() -> None:
    """As glibc does by itself."""
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(-4, 65536)
    libc.mallopt(-1, 128 * 1024)
    libc.malloc_trim(0)


# ---- what is learnt ----


def curve(given: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        root = make_walkers(
            Path(folder) / "walkers", train_persons=24, test_persons=4, seed=3, size=(64, 32), frames=(8, 16)
        )
        runs = {
            f"{precision}-{seed}": losses(root, Path(folder), precision, seed)
            for seed in range(given.seeds)
            for precision in ("float32", "bf16")
        }
    exact = np.stack([runs[f"float32-{seed}"] for seed in range(given.seeds)])
    fast = np.stack([runs[f"bf16-{seed}"] for seed in range(given.seeds)])
    low, high = exact.min(axis=0), exact.max(axis=0)
    inside = ((fast >= low) & (fast <= high)).mean(axis=1)
    # What a sixth seed of float32 would do: every seed within the spread of the others.
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
        f"## 200 steps on walkers, {given.seeds} seeds\n\n"
        "stca_small, 8 x 2 clips of 4 frames of 64x32, Adam at 1e-3; the whole loss, mean over 10 steps, "
        "median and range over seeds.\n\n"
        + table(("step", "float32", "bf16"), rows)
        + f"\nbf16 lies within the range of float32's seeds in {100 * inside.mean():.0f} % of the steps "
        f"({100 * inside.min():.0f} to {100 * inside.max():.0f} % by seed); a float32 seed lies within the "
        f"range of the other seeds in {100 * float(np.mean(left_out)):.0f} %. A bf16 run differs from the "
        f"float32 run of its own seed by {100 * same_seed:.0f} % of that range on average.\n"
    )


def losses(root: Path, folder: Path, precision: str, seed: int) -> np.ndarray:
    """(200,) of a run, each the mean of ten."""
    config = RunConfig(
        recipe="benchmark",
        data=DataConfig("walkers", (str(root),)),
        model=ModelConfig("stca_small", (64, 32)),
        clips=ClipConfig(4),
        batch=BatchConfig(instances=2),
        optim=OptimConfig(epochs=24, lr=1e-3, milestones=(), warmup_epochs=1),
        eval=EvalConfig(every=0),
        seed=seed,
        device="cpu",
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
