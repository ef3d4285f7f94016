"""Benchmark building and searching a large gallery, compared with FAISS and LanceDB.

    pip install --target /tmp/rivals -r benchmarks/requirements-gallery.txt
    python benchmarks/gallery.py --parts 100k 1m --rivals /tmp/rivals      # several minutes each

LanceDB is an embedded vector database with an index and filters, without a server. (The local mode of
qdrant-client compares all vectors in Python.) FAISS is used with an exact index, and with `IVF,SQ8` and its
defaults.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gallery_rivals import Search, faiss_index, faiss_search, lance_search, lance_table, ours
from gallery_vectors import QUERIES, Data, K, make
from timing import table, write_page

from stca.gallery import Gallery, ModelFingerprint, Record
from stca.tools.progress import progress

SIZES = {"100k": (100_000, 2048), "1m": (1_000_000, 512), "tiny": (20_000, 2048)}
AT_A_TIME = 50
ENOUGH = 0.98
ABOUT = """\
One query at a time, as in `stca search`; each system uses its default number of threads, up to all cores. "In
turn": the systems take turns every 50 queries, so that load on the machine affects all of them, and each
starts with caches that the others have evicted; ratios are between the times of the same query. "Alone": the
same queries in sequence. FAISS and LanceDB visit as many lists (of 8, 16, 32, ... 1024; LanceDB re-ranks ten
times as many candidates) as they need for a recall@10 of 0.98 and return row numbers; stca returns complete
records. CPU time is that of all
threads of the process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=SIZES, default=["100k", "1m"])
    parser.add_argument("--rivals", type=Path, help="folder in which pip installed lancedb (--target)")
    parser.add_argument("--folder", type=Path, help="working folder; default: a temporary one")
    parser.add_argument(
        "--build",
        nargs=2,
        type=Path,
        metavar=("GALLERY", "DATA"),
        help="internal: only build the gallery, in this process",
    )
    args = parser.parse_args()
    if args.build:
        print(json.dumps(build_ours(*args.build)))
        return
    if args.rivals:
        sys.path.append(str(args.rivals))
    import faiss

    for part in args.parts:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            measured = measure(*SIZES[part], Path(folder), lance=args.rivals is not None)
        command = f"python benchmarks/gallery.py --parts {part}"
        command += " --rivals RIVALS" if args.rivals else ""
        name = f"gallery-{part}"
        print(write_page(name, "Galleries", [ABOUT, measured], command=command, faiss=faiss.__version__))


def build_ours(folder: Path, data: Path) -> dict[str, float]:
    """Seconds for adding and indexing, and peak anonymous memory in GB."""
    rows, camera = np.load(data / "rows.npy", mmap_mode="r"), np.load(data / "camera.npy")
    count = len(rows) - QUERIES
    peak = Peak()
    start, begun = time.perf_counter(), time.process_time()
    with Gallery.open(folder, model=ModelFingerprint.bare(rows.shape[1])) as gallery:
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
    """Samples the peak anonymous memory of this process."""

    def __init__(self) -> None:
        self._most, self._going = 0.0, True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while self._going:
            self._most = max(self._most, anonymous_memory())
            time.sleep(0.05)

    def stop(self) -> float:
        """Stop sampling; returns the peak in GB."""
        self._going = False
        self._thread.join()
        return self._most


def anonymous_memory() -> float:
    """Current anonymous memory of this process in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("RssAnon"))


def measure(count: int, dim: int, folder: Path, *, lance: bool) -> str:
    data = make(count, dim, folder)
    command = [sys.executable, __file__, "--build", str(folder / "gallery"), str(folder)]
    took = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    built = [
        (
            "stca",
            f"{took['adding'] + took['indexing']:.1f} s",
            f"{took['adding']:.1f} s to disk, {took['indexing']:.1f} s to index; {took['cpu']:.1f} s of CPU, "
            f"{took['memory']:.1f} GB of memory",
        )
    ]
    gallery = Gallery.open(folder / "gallery")
    start = time.perf_counter()
    gallery.search(data.queries[0], K)
    opened = time.perf_counter() - start
    contenders: dict[str, tuple[Search, Search]] = {"stca": (ours(gallery),) * 2}
    lists = 1 << round(np.log2(3 * np.sqrt(count)))
    for name, factory in (("FAISS exact", "Flat"), ("FAISS IVF,SQ8", f"IVF{lists},SQ8")):
        start = time.perf_counter()
        index = faiss_index(data, factory)
        built.append((name, f"{time.perf_counter() - start:.1f} s", "in memory only"))
        contenders[name] = (
            (faiss_search(index, data, None),) * 2
            if factory == "Flat"
            else enough(data, lambda probes, index=index: faiss_search(index, data, probes))
        )
    if lance:
        start = time.perf_counter()
        database = lance_table(data, folder / "lance")
        built.append(("LanceDB IVF_PQ", f"{time.perf_counter() - start:.1f} s", "on disk"))
        contenders["LanceDB IVF_PQ"] = enough(data, lambda probes: lance_search(database, probes))
    stats = gallery.stats()
    races = [
        race(
            data, {name: searches[kind] for name, searches in contenders.items()}, title, filtered=bool(kind)
        )
        for kind, title in enumerate(("all cameras", "one camera of eight"))
    ]
    gallery.close()
    return "\n".join(
        [
            f"## {count:,} vectors of {dim:,} dimensions\n",
            table(("", "built in", ""), built),
            f"stca's index: {stats.index}. {stats.bytes_on_disk / 1e9:.2f} GB on disk; open and first answer "
            f"{opened:.1f} s.\n",
            *races,
        ]
    )


def recall(data: Data, search: Search, *, filtered: bool, queries: int) -> float:
    nearest = data.nearest_there if filtered else data.nearest
    cameras = data.searched_camera.tolist()
    found = [
        len(nearest[i] & set(search(data.queries[i], cameras[i] if filtered else None)))
        for i in range(queries)
    ]
    return sum(found) / (K * queries)


def enough(data: Data, make_search: Callable[[int], Search]) -> tuple[Search, Search]:
    """The searches with as many lists as a recall of `ENOUGH` needs, without and with the camera filter."""
    found = []
    for filtered in (False, True):
        probes = 8
        while recall(data, make_search(probes), filtered=filtered, queries=100) < ENOUGH and probes < 1024:
            probes *= 2
        found.append(make_search(probes))
    return found[0], found[1]


def race(data: Data, contenders: dict[str, Search], title: str, *, filtered: bool) -> str:
    """Time all systems in turns of fifty queries, then stca alone."""
    nearest = data.nearest_there if filtered else data.nearest
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    right = dict.fromkeys(contenders, 0)

    def timed(name: str, i: int) -> float:
        camera = int(data.searched_camera[i]) if filtered else None
        begun, cpu_begun = time.perf_counter(), time.process_time()
        found = contenders[name](data.queries[i], camera)
        cpu[name].append(time.process_time() - cpu_begun)
        taken = time.perf_counter() - begun
        right[name] += len(nearest[i] & set(found))
        return taken

    for start in progress(range(0, len(data.queries), AT_A_TIME), label=title):
        for name in contenders:
            seconds[name] += [timed(name, i) for i in range(start, start + AT_A_TIME)]
    recall = {name: count / (K * len(data.queries)) for name, count in right.items()}
    alone = [timed("stca", i) for i in range(len(data.queries))]
    lines = []
    for name, taken in seconds.items():
        ratios = [t / o for t, o in zip(taken, seconds["stca"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        lines.append(
            (
                name,
                f"{recall[name]:.4f}",
                f"{1e3 * statistics.median(taken):.2f} ms",
                f"{1e3 * np.percentile(taken, 95):.2f} ms",
                f"{1e3 * statistics.median(cpu[name]):.2f} ms",
                f"{middle:.1f} ({low:.1f} to {high:.1f})",
            )
        )
    head = (title, "recall@10", "median, in turn", "95th percentile", "CPU", "times stca (quartiles)")
    median, slow = 1e3 * statistics.median(alone), 1e3 * np.percentile(alone, 95)
    return table(head, lines) + f"\nstca alone: {median:.2f} ms, 95th percentile {slow:.2f} ms.\n"


if __name__ == "__main__":
    main()
