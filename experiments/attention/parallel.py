"""The runs of a study, several at a time."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
from experiments.attention.measurements import Case, Measurement

from stca.tools.cores import cores
from stca.tools.progress import progress


def measure_all(
    measure: Callable[[argparse.Namespace, Case], Measurement],
    args: argparse.Namespace,
    cases: Sequence[Case],
    *,
    after: Callable[[Measurement], object] = lambda measured: None,
) -> list[Measurement]:
    """Measure the cases, `args.jobs` at a time; results are in the order of `cases`.

    Args:
        measure: a function of a module, which the processes import.
        args: of the study.
        cases: the runs.
        after: called here with every result as it comes.

    """
    if args.jobs == 1:
        found = []
        for case in progress(cases, label="runs"):
            found.append(measure(args, case))
            after(found[-1])
        return found
    context = multiprocessing.get_context("spawn")  # a fork after the first forward pass hangs
    with ProcessPoolExecutor(
        args.jobs, mp_context=context, initializer=_begin, initargs=(args.jobs,)
    ) as pool:
        futures = [pool.submit(measure, args, case) for case in cases]
        try:
            for done in progress(as_completed(futures), label="runs", total=len(futures)):
                after(done.result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]


def _begin(jobs: int) -> None:
    """Initialise a worker: no progress display of single runs, and exit when the parent does."""
    torch.set_num_threads(max(1, cores() // jobs))
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
