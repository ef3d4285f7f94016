"""A process that makes pictures and asks the teacher, while another one learns.

One thread each: two processes that never wait for each other's threads lose less on a busy machine than one
process with two threads.
"""

from __future__ import annotations

import itertools
import multiprocessing
import queue as queue_module
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch
from experiments.out_of_the_box.making.material import load_material
from experiments.out_of_the_box.making.pictures import make_batch, shrink
from experiments.out_of_the_box.teaching.teachers import Lesson, Teacher, teacher_path
from jaxtyping import UInt8
from torch import Tensor

_PATIENCE = 10.0
"""Seconds between two looks whether the other process is there."""
_AHEAD = 4
"""Batches that may wait to be learnt from."""


@dataclass(frozen=True)
class Source:
    """What batches are made from; batch n is the same in every run.

    Args:
        shared: folder of the raw material and teachers.
        work: folder with what `prepare.py` made.
        teacher: number of the teacher.
        size: (H, W) of the student's pictures.
        batch: pictures.
        seed: of chance.

    """

    shared: Path
    work: Path
    teacher: str
    size: tuple[int, int]
    batch: int
    seed: int


class Batch(NamedTuple):
    """Pictures of the student's size, what the teacher says of them, and processor seconds for both."""

    pictures: UInt8[Tensor, "B H W 3"]
    lesson: Lesson
    seconds: float


@contextmanager
def lessons(source: Source, *, first: int) -> Iterator[Iterator[Batch]]:
    """`make_batches` in a process of its own, which ends with this context."""
    with ahead(partial(_arrays, source), first=first) as items:
        yield (
            Batch(
                torch.from_numpy(pictures), Lesson(torch.from_numpy(vectors), torch.from_numpy(shares)), cost
            )
            for pictures, vectors, shares, cost in items
        )


def _arrays(source: Source, first: int) -> Iterator[tuple[Any, ...]]:
    for batch in make_batches(source, first=first):
        parts = (batch.pictures, batch.lesson.vectors, batch.lesson.shares)
        yield *(each.numpy() for each in parts), batch.seconds


@contextmanager
def ahead(make: Callable[[int], Iterator[tuple]], *, first: int) -> Iterator[Iterator[tuple]]:
    """What `make(first)` gives, made in a process of its own, which ends with this context.

    Args:
        make: can be pickled, as what it gives; NumPy's arrays rather than tensors, which are handed over as
            open files.
        first: the number of the first batch.

    """
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(_AHEAD)
    process = context.Process(target=_feed, args=(make, first, queue), daemon=True)
    process.start()

    def received() -> Iterator[tuple]:
        while True:
            try:
                item = queue.get(timeout=_PATIENCE)
            except queue_module.Empty:
                if process.is_alive():
                    continue
                raise RuntimeError(f"the process that makes batches ended ({process.exitcode})") from None
            if isinstance(item, BaseException):
                raise item
            yield item

    try:
        yield received()
    finally:
        process.terminate()
        process.join()


def make_batches(source: Source, *, first: int) -> Iterator[Batch]:
    """Batches number `first` and on, without end, made by one thread here."""
    cv2.setNumThreads(1)
    material, _ = load_material(source.shared, source.work)
    teacher = Teacher(teacher_path(source.shared, source.teacher), threads=1)
    for number in itertools.count(first):
        begun, start = time.process_time(), number * source.batch
        pictures = make_batch(material, seed=source.seed, first=start, count=source.batch)
        lesson = teacher(pictures)
        small = torch.from_numpy(shrink(pictures, source.size))
        yield Batch(small, lesson, time.process_time() - begun)


def _feed(make: Callable[[int], Iterator[tuple]], first: int, queue: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that learns, which ends this one
    try:
        torch.set_num_threads(1)
        for item in make(first):
            if not _put(queue, item):
                return
    except Exception as error:
        queue.put(error)
        raise


def _put(queue: Any, item: object) -> bool:
    """Wait for room; False where the process that learns is gone, even if it was killed."""
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            queue.put(item, timeout=5)
            return True
        except queue_module.Full:
            continue
    return False
