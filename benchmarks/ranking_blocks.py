"""Ranking against galleries too large to hold, each size in a process of its own: a part of `ranking.py`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from timing import table

from stca.ranking import GalleryBlock, Labels, rank_blocks
from stca.tracklets import Embeddings


@dataclass(frozen=True)
class MadeUpGallery:
    """Half-precision rows generated in blocks from a seed: ten matches per query, otherwise distractors."""

    centres: np.ndarray
    rows: int
    rows_at_once: int = 16384
    seconds_making: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return -(-self.rows // self.rows_at_once)

    def __iter__(self) -> Iterator[GalleryBlock]:
        people = len(self.centres)
        persons = np.concatenate(
            [np.tile(np.arange(1, people + 1), 10), np.arange(people + 1, self.rows - 9 * people + 1)]
        )
        persons = np.random.default_rng(0).permutation(persons[: self.rows])
        for start in range(0, self.rows, self.rows_at_once):
            ids = persons[start : start + self.rows_at_once]
            began = time.perf_counter()
            rng = np.random.default_rng((1, start))
            vectors = noise(rng, len(ids), self.centres.shape[1]).astype(np.float16)
            known = np.flatnonzero(ids <= people)
            vectors[known] += self.centres[ids[known] - 1].astype(np.float16)
            block = GalleryBlock(vectors, Labels(ids, rng.integers(2, 9, len(ids))))
            self.seconds_making.append(time.perf_counter() - began)
            yield block


def noise(rng: np.random.Generator, rows: int, dim: int) -> np.ndarray:
    """(rows, dim) uniform int8 noise, which is fast to generate."""
    return np.frombuffer(rng.bytes(rows * dim), dtype=np.int8).reshape(rows, dim)


def one_from_blocks(queries: int, rows: int, dim: int) -> tuple[float, float, float, float]:
    """Seconds in total and for generating the gallery (twice), additional memory in MB, and mAP."""
    rng = np.random.default_rng(2)
    centres = 26 * rng.standard_normal((queries, dim), dtype=np.float32)
    vectors = centres + noise(rng, queries, dim)
    ids = np.arange(1, queries + 1)
    query = Embeddings(vectors, ids, np.ones(queries, dtype=np.int64), tuple(map(str, ids)))
    gallery = MadeUpGallery(centres, rows)
    before = megabytes("VmRSS")
    start = time.perf_counter()
    metrics = rank_blocks(query, gallery, label=f"{queries} x {rows}")
    seconds = time.perf_counter() - start
    return seconds, sum(gallery.seconds_making), megabytes("VmHWM") - before, metrics.mean_ap


def megabytes(what: str) -> float:
    """Memory of this process in MB: current (VmRSS) or peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def of_blocks(sizes: list[tuple[int, int, int]]) -> str:
    rows = []
    for size in sizes:
        # in separate processes, since peak memory is per process
        command = [sys.executable, __file__, *map(str, size)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seconds, making, extra, ap = map(float, done.stdout.split())
        times = f"{seconds:.1f}", f"{making:.1f}"
        rows.append((*(f"{side:,}" for side in size), *times, f"{extra:.0f} MB", f"{100 * ap:.2f}"))
    head = ("queries", "gallery", "dimensions", "seconds", "of these making the rows", "extra memory", "mAP")
    return table(head, rows)


if __name__ == "__main__":
    print(*one_from_blocks(*map(int, sys.argv[1:])))
