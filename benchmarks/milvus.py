"""Benchmark a gallery on a Milvus server beside the embedded engine and exact search.

    milvus-server --data /tmp/milvus                      # PyPI's milvus 2.3.5, or any other server
    python benchmarks/milvus.py milvus://127.0.0.1:19530 --data /tmp/milvus      # some 10 minutes

With `--data`, the server runs on this machine, and its memory and files are measured.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gallery_vectors import Data, K, make
from timing import table, write_page

from stca.gallery import Gallery, ModelFingerprint, Record

Search = Callable[[int, bool], set[int]]
"""(number of a query, whether within one camera) to the rows found."""
CLIENTS = 16
NOISE = np.float32(1e-7)
"""Added to every query, so that none is asked twice: Milvus remembers where a search for a vector ended."""
START = 1_769_817_600.0
DAYS = 7
ABOUT = """\
The same vectors (`gallery_vectors.py`) in a gallery on Milvus, in a folder, and compared one by one with
numpy. "With a filter": only one camera of eight. A search returns complete records with exact scores. The
systems take turns, one query each, so that load on the machine affects all of them. "16 clients": 16 threads
with a connection each, that search at the same time; client and server share the machine's cores.
"strong" is what a gallery's address means without an option: a search waits until the server is sure to see
everything that was acknowledged to anybody. "bounded" (`?consistency=bounded`) may miss the last moments.
No vector is asked for twice (noise of 1e-7 is added to each number), since the HNSW of Milvus begins a search
for a vector that it knows where the last one ended, and finds more.
Rows are of 7 days, so Milvus keeps them in 7 partitions. They are acknowledged by Milvus's log
(`?acknowledge=log`) and brought into its object store at the end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("server", help="milvus://HOST:PORT")
    parser.add_argument("--data", type=Path, help="the server's --data, if it runs on this machine")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200, help="for every measurement")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make(args.rows, args.dim, Path(folder))
        address = f"{args.server}/bench_{secrets.token_hex(4)}"
        before = server_usage(args.data)[0]
        text = [build(data, Path(folder) / "gallery", address, args.data, before)]
        text.append(compare(data, Path(folder) / "gallery", address, args.queries))
    title = f"A gallery on Milvus: {args.rows:,} vectors of {args.dim} dimensions"
    command = f"python benchmarks/milvus.py SERVER --data DATA --rows {args.rows} --dim {args.dim}"
    command += f" --queries {args.queries}"
    print(write_page("milvus", title, [ABOUT, *text], command=command))


def fill(place: Path | str, data: Data) -> tuple[Gallery, float, float]:
    """An open gallery, and seconds for adding and for indexing."""
    count = len(data.rows)
    gallery = Gallery.open(place, model=ModelFingerprint.bare(data.rows.shape[1]))
    start = time.perf_counter()
    for begin in range(0, count, 10_000):
        part = range(begin, min(begin + 10_000, count))
        seen = [START + 86_400 * DAYS * i / count for i in part]
        records = [
            Record(str(i), f"cam{data.camera[i]}", when, when + 5) for i, when in zip(part, seen, strict=True)
        ]
        gallery.add(records, np.asarray(data.rows[part.start : part.stop]))
    added = time.perf_counter()
    gallery.refresh()
    return gallery, added - start, time.perf_counter() - added


def build(data: Data, folder: Path, address: str, server: Path | None, before: float) -> str:
    own = anonymous_memory("self")
    gallery, adding, indexing = fill(folder, data)
    stats = gallery.stats()
    assert stats.bytes_on_disk is not None
    memory = anonymous_memory("self") - own
    lines = [
        ("a folder", f"{adding:.0f} s", f"{indexing:.0f} s", f"{stats.bytes_on_disk / 1e6:,.0f} MB",
         f"{memory:.1f} GB"),
    ]  # fmt: skip
    words = [f"In a folder: {stats.index}."]
    gallery.close()
    gallery, adding, indexing = fill(f"{address}?acknowledge=log&timeout=120", data)
    words.append(f"On Milvus {gallery.store.connection.call('get_server_version')}: {gallery.stats().index}.")
    gallery.close()
    size, memory = server_usage(server)
    size -= before  # of what is there already; memory is that of the whole server
    lines.append(
        ("Milvus", f"{adding:.0f} s", f"{indexing:.0f} s",
         *((f"{size / 1e6:,.0f} MB", f"{memory:.1f} GB") if server else ("not known", "not known")))
    )  # fmt: skip
    head = ["", "adding", "indexing and measuring", "on disk", "memory"]
    return "## Building\n\n" + table(head, lines) + "\n\n" + "\n".join(words)


def compare(data: Data, folder: Path, address: str, queries: int) -> str:
    rows = np.asarray(data.rows)

    def exact(number: int, filtered: bool) -> set[int]:
        scores = rows @ data.queries[number]
        if filtered:
            scores = np.where(data.camera[: len(rows)] == data.searched_camera[number], scores, -2)
        return set(np.argpartition(-scores, K)[:K].tolist())

    places = {
        "a folder": folder,
        "Milvus, strong": address,
        "Milvus, bounded": f"{address}?consistency=bounded",
    }
    contenders = {"exact, numpy": exact}
    contenders |= {name: searcher(Gallery.open(place), data) for name, place in places.items()}
    parts = ["## Searching\n"]
    for filtered in (False, True):
        nearest = data.nearest_there if filtered else data.nearest
        parts.append(one_client(contenders, nearest, queries, filtered))
    many = {"a folder": lambda: searcher(shared, data)}
    shared = Gallery.open(folder)
    for name in ("Milvus, strong", "Milvus, bounded"):
        many[name] = lambda name=name: searcher(Gallery.open(places[name]), data)
    lines = [(name, *crowd(client, queries)) for name, client in many.items()]
    parts.append(
        f"\n{table([f'{CLIENTS} clients', 'searches per second', 'median', '95th percentile'], lines)}"
    )
    return "\n".join(parts)


def searcher(gallery: Gallery, data: Data) -> Search:
    rng = np.random.default_rng()

    def search(number: int, filtered: bool) -> set[int]:
        cameras = [f"cam{data.searched_camera[number]}"] if filtered else None
        query = data.queries[number]
        query = query + NOISE * rng.standard_normal(query.shape, dtype=np.float32)
        return {int(hit.key) for hit in gallery.search(query, K, cameras=cameras)}

    search(0, False)  # the first one loads the index
    return search


def one_client(contenders: dict[str, Search], nearest: list[set[int]], queries: int, filtered: bool) -> str:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    right = dict.fromkeys(contenders, 0)
    for number in range(queries):
        for name, search in contenders.items():
            start = time.perf_counter()
            found = search(number, filtered)
            seconds[name].append(time.perf_counter() - start)
            right[name] += len(found & nearest[number])
    total = sum(map(len, nearest[:queries]))
    lines = [
        (name, f"{right[name] / total:.4f}", f"{1e3 * statistics.median(took):.1f} ms", percentile(took))
        for name, took in seconds.items()
    ]
    head = ["one client, with a filter" if filtered else "one client, all cameras", "recall@10", "median"]
    return table([*head, "95th percentile"], lines) + "\n"


def crowd(client: Callable[[], Search], queries: int) -> tuple[str, str, str]:
    """Searches per second, and times, of several clients at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        searches = list(pool.map(lambda _: client(), range(CLIENTS)))
        took: list[float] = []
        numbers = iter([n % queries for n in range(4 * queries)])
        lock = threading.Lock()

        def work(search: Search) -> None:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                start = time.perf_counter()
                search(number, False)
                took.append(time.perf_counter() - start)

        start = time.perf_counter()
        list(pool.map(work, searches))
        whole = time.perf_counter() - start
    return f"{len(took) / whole:.0f}", f"{1e3 * statistics.median(took):.1f} ms", percentile(took)


def percentile(seconds: list[float]) -> str:
    return f"{1e3 * float(np.percentile(seconds, 95)):.1f} ms"


def anonymous_memory(process: str) -> float:
    """Current anonymous memory of a process in GB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("RssAnon"))


def server_usage(data: Path | None) -> tuple[float, float]:
    """Bytes on disk without the programs, and anonymous memory in GB, of the server of this folder."""
    if data is None:
        return 0.0, 0.0
    files = (path for path in data.rglob("*") if path.is_file() and data / "bin" not in path.parents)
    size = float(sum(path.stat().st_size for path in files))
    memory = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = status.with_name("cmdline").read_bytes().split(b"\0")
            if command[0] == str(data.absolute() / "bin" / "milvus").encode():
                memory += anonymous_memory(status.parent.name)
        except (OSError, StopIteration):
            continue
    return size, memory


if __name__ == "__main__":
    main()
