"""A small job beside other processes: how much longer it takes than alone.

    python benchmarks/busy_machine.py

Busy processes, which do nothing but count, are started on the same cores; with as many as cores, a job's fair
share is half of the machine, and twice as long is what it costs at best. "Threads inside" is PyTorch as it
comes: all threads share every operation of one batch, and wait for each other actively.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from timing import spread, table, take_turns, write_page

from stca.clips import ClipBatch
from stca.inference import VectorNet, open_runtime, plan_inference
from stca.models import create_model
from stca.tools.cores import cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--busy", type=int, nargs="+", default=[2, 8], help="processes beside the job")
    args = parser.parse_args()
    contenders = jobs(args.clips)
    seconds, load = {}, os.getloadavg()[0]
    for busy in (0, *args.busy):
        with busy_processes(busy):
            seconds[busy] = take_turns(contenders, rounds=args.rounds, label=f"beside {busy}")
    rows = [
        (
            name,
            *(spread([1000 * value for value in seconds[busy][name]], 0) for busy in seconds),
            *(f"{median(seconds[busy][name]) / median(seconds[0][name]):.1f}" for busy in args.busy),
        )
        for name in contenders
    ]
    heads = ("ms for a batch", *(f"beside {n}" for n in seconds), *(f"{n} / 0" for n in args.busy))
    before = f"{args.clips} clips of `stca_small`, {cores()} cores; the machine's load before was {load:.1f}."
    print(write_page("busy-machine", "Small jobs on a busy machine", [before, table(heads, rows)]))


def jobs(clips: int) -> dict[str, Callable[[], object]]:
    model = create_model("stca_small", num_ids=2).eval()
    frames = torch.randint(0, 256, (clips, model.clip_len, *model.image_size, 3), dtype=torch.uint8)
    batch, network = ClipBatch(frames, torch.arange(clips), ()), VectorNet(model)

    def threads_inside() -> None:
        with torch.inference_mode():
            for part in torch.split(frames, 8):
                network(part)

    def of_runtime(name: str) -> Callable[[], object]:
        plan = plan_inference(model, frames=len(frames), device="cpu", precision="float32", runtime=name)
        engine = open_runtime(model, plan, clip_len=model.clip_len, calibration=lambda: frames)
        return lambda: list(engine.map([batch]))

    return {
        "PyTorch, threads inside": threads_inside,
        "PyTorch, a thread per clip (ours)": of_runtime("torch"),
        "OpenVINO, a stream per core": of_runtime("openvino"),
    }


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    others = [multiprocessing.get_context("spawn").Process(target=_count, daemon=True) for _ in range(count)]
    for other in others:
        other.start()
    time.sleep(3 if others else 0)
    try:
        yield
    finally:
        for other in others:
            other.terminate()
            other.join()


def _count() -> None:
    number = 0
    while True:
        number += 1


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
