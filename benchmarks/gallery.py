"""Building and searching a large gallery, beside plain FAISS and LanceDB.

    pip install --target /tmp/rivals -r benchmarks/requirements-gallery.txt
    python benchmarks/gallery.py --rivals /tmp/rivals > benchmarks/results/gallery.md
    python benchmarks/gallery.py --rivals /tmp/rivals --parts 1m        # some minutes

LanceDB is what one takes today for a vector database in a folder: no server, an index, filters.
(qdrant-client's local mode compares all vectors, in Python.) FAISS is taken as its users take it: an exact
index, and `IVF,SQ8` with its defaults.

One query at a time, as `stca search` and a web page ask. The contenders take turns every 50 queries, so that
a busy moment of the machine hits all (every query, and they would empty each other's caches); a ratio is
taken between the times of one query. CPU is that of all its threads.
FAISS and LanceDB visit as many lists (out of 8, 16, 32, ...) as they need for a recall@10 of 0.98, and are
asked for keys only; ours gives whole records.

The vectors: identities and their tracklets, in the proportions measured on real footage. 820 crops of 125
people in MOT17 and PETS (every third image, OSNet x0.25): between people, 8, 16, 32, 64, 128, 256 directions
hold 41, 55, 70, 86, 96, 99 % of the variance, and 42 % of it is between crops of the same person; cosines
are 0.72 ± 0.11 within people and 0.44 ± 0.10 between (here 0.75 and 0.45); the local intrinsic dimension is
10, as here. A person has 8 tracklets on average (geometric) in 8 cameras that shift all vectors a little.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stca.gallery import Gallery, ModelMark, Record
from stca.provenance import provenance

SIZES = {"100k": (100_000, 2048), "1m": (1_000_000, 512), "tiny": (20_000, 2048)}
CAMERAS = 8
QUERIES = 500
AT_A_TIME = 50
K = 10
ENOUGH = 0.98
_DIRECTIONS = (0, 8, 16, 32, 64, 128, 256)
_BETWEEN = (0, 0.412, 0.55, 0.702, 0.855, 0.956, 0.993)
_WITHIN = (0, 0.281, 0.424, 0.609, 0.802, 0.934, 0.991)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=SIZES, default=["100k"])
    parser.add_argument("--rivals", type=Path, help="where pip put lancedb (--target)")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument(
        "--build", nargs=2, type=Path, metavar=("GALLERY", "DATA"), help="one part of the work"
    )
    options = parser.parse_args()
    if options.build:
        print(json.dumps(build_ours(*options.build)))
        return
    if options.rivals:
        sys.path.append(str(options.rivals))
    head()
    for part in options.parts:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            measure(*SIZES[part], Path(folder), lance=options.rivals is not None)


def head() -> None:
    import faiss

    facts = provenance() | {"numpy": np.__version__, "faiss": faiss.__version__}
    facts["load"] = f"{os.getloadavg()[0]:.1f} running processes when it began (others shared the machine)"
    print("\n".join(f"- {name}: {value}" for name, value in facts.items()), flush=True)


# ---- the vectors ----


@dataclass(frozen=True)
class Data:
    """(N, D) rows in a file, who and where they are, queries, and what exact search finds."""

    rows: np.ndarray
    camera: np.ndarray
    queries: np.ndarray
    asked_camera: np.ndarray
    nearest: list[set[int]]
    nearest_there: list[set[int]]


def directions(dim: int, held: tuple[float, ...]) -> np.ndarray:
    """Deviation along each direction, of total variance 1."""
    share = np.interp(np.arange(dim + 1), [*_DIRECTIONS, dim], [*held, 1.0])
    return np.sqrt(np.diff(share)).astype(np.float32)


def make(count: int, dim: int, folder: Path) -> Data:
    rng = np.random.default_rng(0)
    total = count + QUERIES
    people = np.repeat(np.arange(total), rng.geometric(1 / 8, total))[:total]
    people = people[rng.permutation(total)]
    camera = rng.integers(0, CAMERAS, total)
    between, within = directions(dim, _BETWEEN), directions(dim, _WITHIN)
    centres = 0.76 * between * rng.standard_normal((people.max() + 1, dim), dtype=np.float32)
    shift = 0.25 * between * rng.standard_normal((CAMERAS, dim), dtype=np.float32)
    middle = rng.standard_normal(dim, dtype=np.float32)
    middle *= 0.9 / np.linalg.norm(middle)
    rows = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float32, (total, dim))
    for start in range(0, total, 20_000):
        part = slice(start, start + 20_000)
        noise = rng.standard_normal((len(people[part]), dim), dtype=np.float32)
        some = centres[people[part]] + shift[camera[part]] + middle + 0.65 * within * noise
        rows[part] = some / np.linalg.norm(some, axis=1, keepdims=True)
    del centres
    np.save(folder / "camera.npy", camera)
    queries, asked = np.array(rows[count:]), rng.integers(0, CAMERAS, QUERIES)
    nearest, there = exact(rows[:count], camera[:count], queries, asked)
    return Data(rows[:count], camera[:count], queries, asked, nearest, there)


def exact(
    rows: np.ndarray, camera: np.ndarray, queries: np.ndarray, asked: np.ndarray
) -> tuple[list[set[int]], list[set[int]]]:
    """The ten nearest of every query, in all cameras and in the one asked for."""
    best: list[list[np.ndarray]] = [[], []]
    for start in range(0, len(rows), 50_000):
        scores = queries @ np.asarray(rows[start : start + 50_000]).T
        for kind in range(2):
            if kind:
                scores[asked[:, None] != camera[start : start + 50_000]] = -2
            places = np.argpartition(-scores, K, axis=1)[:, :K]
            best[kind].append(np.stack([places + start, np.take_along_axis(scores, places, axis=1)]))
    found = []
    for parts in best:
        places, values = np.concatenate(parts, axis=2)
        order = np.argsort(-values, axis=1)[:, :K]
        found.append([set(row.astype(int).tolist()) for row in np.take_along_axis(places, order, axis=1)])
    return found[0], found[1]


# ---- building ----


def build_ours(folder: Path, data: Path) -> dict[str, float]:
    """Seconds of adding and of indexing, and the most memory that is not files in cache, in GB."""
    rows, camera = np.load(data / "rows.npy", mmap_mode="r"), np.load(data / "camera.npy")
    count = len(rows) - QUERIES
    peak = Peak()
    start, begun = time.perf_counter(), time.process_time()
    with Gallery.open(folder, model=ModelMark.bare(rows.shape[1])) as gallery:
        for begin in range(0, count, 10_000):
            part = range(begin, min(begin + 10_000, count))
            records = [Record(str(i), f"cam{camera[i]}", float(i), i + 5.0) for i in part]
            gallery.add(records, rows[part.start : part.stop])
        added = time.perf_counter()
        gallery.refresh()
    done = time.perf_counter()
    took = {"adding": added - start, "indexing": done - added, "memory": peak.stop()}
    return took | {"cpu": time.process_time() - begun}


class Peak:
    """The most anonymous memory of this process, sampled."""

    def __init__(self) -> None:
        self._most, self._going = 0.0, True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while self._going:
            self._most = max(self._most, anonymous_memory())
            time.sleep(0.05)

    def stop(self) -> float:
        """In GB."""
        self._going = False
        self._thread.join()
        return self._most


def anonymous_memory() -> float:
    """In GB, now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("RssAnon"))


# ---- contenders: each answers (query, camera or None) with row numbers ----

Ask = Callable[[np.ndarray, int | None], list[int]]


def ours(gallery: Gallery) -> Ask:
    def ask(query: np.ndarray, camera: int | None) -> list[int]:
        hits = gallery.search(query, K, cameras=None if camera is None else (f"cam{camera}",))
        return [int(hit.key) for hit in hits]

    return ask


def faiss_index(data: Data, factory: str) -> Any:
    import faiss

    index = faiss.index_factory(data.rows.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    if not index.is_trained:
        step = max(1, len(data.rows) // (64 * index.nlist))
        index.train(np.ascontiguousarray(data.rows[::step]))
    for start in range(0, len(data.rows), 20_000):
        index.add(np.ascontiguousarray(data.rows[start : start + 20_000]))
    return index


def faiss_ask(index: Any, data: Data, probes: int | None) -> Ask:
    import faiss

    # `bits` must live as long as the selectors, which only point at it.
    bits = [np.packbits(data.camera == camera, bitorder="little") for camera in range(CAMERAS)]
    chosen = [faiss.IDSelectorBitmap(len(each), faiss.swig_ptr(each)) for each in bits]

    def ask(query: np.ndarray, camera: int | None) -> list[int]:
        selector = chosen[camera] if bits and camera is not None else None
        if probes is None:
            parameters = faiss.SearchParameters(sel=selector)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        return index.search(query[None], K, params=parameters)[1][0].tolist()

    return ask


def lance_table(data: Data, folder: Path) -> Any:
    import lancedb
    import pyarrow as pa

    dim = data.rows.shape[1]

    def batches() -> Iterator[Any]:
        for start in range(0, len(data.rows), 10_000):
            some = np.asarray(data.rows[start : start + 10_000])
            ids = pa.array(np.arange(start, start + len(some)))
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(some.ravel()), dim)
            cameras = pa.array(data.camera[start : start + len(some)])
            yield pa.RecordBatch.from_arrays([ids, cameras, vectors], names=["id", "camera", "vector"])

    schema = pa.schema([("id", pa.int64()), ("camera", pa.int64()), ("vector", pa.list_(pa.float32(), dim))])
    table = lancedb.connect(folder).create_table("gallery", batches(), schema=schema)
    table.create_index(metric="cosine", vector_column_name="vector", index_type="IVF_PQ")
    table.create_scalar_index("camera", index_type="BITMAP")
    return table


def lance_ask(table: Any, probes: int) -> Ask:
    def ask(query: np.ndarray, camera: int | None) -> list[int]:
        asked = table.search(query).distance_type("cosine").nprobes(probes).refine_factor(20).select(["id"])
        if camera is not None:
            asked = asked.where(f"camera = {camera}", prefilter=True)
        return asked.limit(K).to_arrow()["id"].to_pylist()

    return ask


# ---- measuring ----


def measure(count: int, dim: int, folder: Path, *, lance: bool) -> None:
    import faiss

    print(f"\n## {count:,} vectors of {dim:,} dimensions\n", flush=True)
    data = make(count, dim, folder)
    command = [sys.executable, __file__, "--build", str(folder / "gallery"), str(folder)]
    took = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    gallery = Gallery.open(folder / "gallery")
    print("| | built in | |\n|---|---|---|")
    print(
        f"| stca | {took['adding'] + took['indexing']:.1f} s | {took['adding']:.1f} s to disk, "
        f"{took['indexing']:.1f} s to index; {took['cpu']:.1f} s of CPU, {took['memory']:.1f} GB of memory |"
    )
    start = time.perf_counter()
    gallery.search(data.queries[0], K)
    opened = time.perf_counter() - start
    contenders: dict[str, tuple[Ask, Ask]] = {"stca": (ours(gallery),) * 2}
    lists = 1 << round(np.log2(3 * np.sqrt(count)))
    for name, factory in (("FAISS exact", "Flat"), ("FAISS IVF,SQ8", f"IVF{lists},SQ8")):
        start = time.perf_counter()
        index = faiss_index(data, factory)
        print(f"| {name} | {time.perf_counter() - start:.1f} s | in memory only |", flush=True)
        contenders[name] = (
            (faiss_ask(index, data, None),) * 2
            if factory == "Flat"
            else enough(data, lambda probes, index=index: faiss_ask(index, data, probes))
        )
    if lance:
        start = time.perf_counter()
        table = lance_table(data, folder / "lance")
        print(f"| LanceDB IVF_PQ | {time.perf_counter() - start:.1f} s | on disk |", flush=True)
        contenders["LanceDB IVF_PQ"] = enough(data, lambda probes: lance_ask(table, probes))
    stats = gallery.stats()
    print(
        f"\nIndex: {stats.index}. {stats.bytes_on_disk / 1e9:.2f} GB on disk; open and first answer ", end=""
    )
    print(f"{opened:.1f} s.\n", flush=True)
    faiss.omp_set_num_threads(1)
    for kind, title in enumerate(("all cameras", "one camera of eight")):
        race(data, {name: asks[kind] for name, asks in contenders.items()}, title, filtered=bool(kind))
    gallery.close()


def recall(data: Data, ask: Ask, *, filtered: bool, queries: int) -> float:
    nearest = data.nearest_there if filtered else data.nearest
    cameras = data.asked_camera.tolist()
    found = [
        len(nearest[i] & set(ask(data.queries[i], cameras[i] if filtered else None))) for i in range(queries)
    ]
    return sum(found) / (K * queries)


def enough(data: Data, make_ask: Callable[[int], Ask]) -> tuple[Ask, Ask]:
    """With as many lists as a recall of `ENOUGH` needs, without and with the filter."""
    found = []
    for filtered in (False, True):
        probes = 8
        while recall(data, make_ask(probes), filtered=filtered, queries=100) < ENOUGH and probes < 1024:
            probes *= 2
        found.append(make_ask(probes))
    return found[0], found[1]


def race(data: Data, contenders: dict[str, Ask], title: str, *, filtered: bool) -> None:
    """Fifty queries each, everybody in turn."""
    nearest = data.nearest_there if filtered else data.nearest
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    right = dict.fromkeys(contenders, 0)
    for start in range(0, len(data.queries), AT_A_TIME):
        for name, ask in contenders.items():
            for i in range(start, start + AT_A_TIME):
                camera = int(data.asked_camera[i]) if filtered else None
                begun, cpu_begun = time.perf_counter(), time.process_time()
                found = ask(data.queries[i], camera)
                cpu[name].append(time.process_time() - cpu_begun)
                seconds[name].append(time.perf_counter() - begun)
                right[name] += len(nearest[i] & set(found))
    print(
        f"| {title} | recall@10 | median | 95th percentile | CPU, median | times stca, median (quartiles) |"
    )
    print("|---|---|---|---|---|---|")
    for name, taken in seconds.items():
        ratios = [t / o for t, o in zip(taken, seconds["stca"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"| {name} | {right[name] / (K * len(data.queries)):.4f} "
            f"| {1e3 * statistics.median(taken):.2f} ms "
            f"| {1e3 * np.percentile(taken, 95):.2f} ms | {1e3 * statistics.median(cpu[name]):.2f} ms "
            f"| {middle:.1f} ({low:.1f} to {high:.1f}) |"
        )
    print(flush=True)


if __name__ == "__main__":
    main()
