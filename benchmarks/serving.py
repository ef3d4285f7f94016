"""Benchmark `stca serve`: start, first screen, concurrent searches, minutes of mixed load.

python benchmarks/serving.py                 # 100,000 vectors, one minute of mixed load
python benchmarks/serving.py --minutes 10
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
from timing import table, write_page

import stca
from stca.gallery import Calibration, Gallery, ModelFingerprint, Record
from stca.runs import open_model

MODEL = "pretrained"
ROWS, DIM, PERSONS = 100_000, 256, 5_000
VIDEOS = 200
CLIENTS, SEARCHES = 200, 4_000
ABOUT = """\
A gallery of made-up vectors on the disk of this machine; the server and its clients share the processor.
"Alone" is `Gallery.search` in a process of its own, one search after the other. The first screen is the HTML
of the wall of people; pictures come after it. The package's modules are compiled, as pip leaves them. In the
mixed load, jobs that track small rendered videos follow each other all the time. Memory is the server's own,
without the files that it has mapped (the gallery, libraries); the first figure is that after one look at the
wall and one search."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--parts", nargs="+", choices=("answers", "mixed"), default=["answers", "mixed"])
    parser.add_argument("--minutes", type=float, default=10.0, help="of mixed load")
    args = parser.parse_args()
    compileall.compile_dir(str(Path(stca.__file__).parent), quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        gallery = Path(folder) / "gallery"
        queries = build(gallery, args.rows)
        for part in args.parts:
            rows = answers(gallery, queries) if part == "answers" else mixed(gallery, 60 * args.minutes)
            rows = [["rows", f"{args.rows:,} x {DIM}"], *rows]
            content = [ABOUT, table(["what", "measured"], rows)]
            name = "serving" if part == "answers" else "serving-mixed"
            print(write_page(name, f"stca serve: {part}", content))


def answers(gallery: Path, queries: Sequence[str]) -> list[list[str]]:
    """Start, first screen, searches alone and together."""
    alone = search_alone(gallery, queries)
    with served(gallery) as (address, _, started):
        screens = [first_screen(address) for _ in range(5)]
        together, took = asyncio.run(search_together(address, queries))
    first, then = 1000 * screens[0], 1000 * statistics.median(screens[1:])
    return [
        ["from the command to the first answer", f"{started:.1f} s"],
        ["first screen, first and median of the next four", f"{first:.0f} ms, {then:.0f} ms"],
        ["search alone: median, p99", spread(alone)],
        ["searches a second, alone", f"{len(alone) / sum(alone):.0f}"],
        [f"search, {CLIENTS} clients at once: median, p99", spread(together)],
        [f"searches a second, {CLIENTS} clients", f"{len(together) / took:.0f}"],
    ]


def mixed(gallery: Path, seconds: float) -> list[list[str]]:
    """Minutes of mixed load."""
    videos = render(gallery.parent / "videos")
    with served(gallery, "--videos", str(videos)) as (address, server, _):
        return asyncio.run(mixed_load(address, server, seconds))


def render(folder: Path) -> Path:
    """Videos of two coloured people who walk past each other, all the same but for their names."""
    import av

    folder.mkdir()
    noise = np.random.default_rng(0).normal(0, 3, (240, 320, 3))
    with av.open(str(folder / "walk000.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for frame in range(60):
            image = 120 + np.roll(noise, 7 * frame, axis=1)
            for left, colour in ((30 + 4 * frame, (190, 40, 50)), (270 - 4 * frame, (40, 60, 190))):
                image[100:180, max(0, left) : max(0, left + 26)] = colour
            picture = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    for number in range(1, VIDEOS):
        shutil.copy(folder / "walk000.avi", folder / f"walk{number:03d}.avi")
    return folder


def build(folder: Path, rows: int) -> list[str]:
    """A gallery, and the keys that are searched for."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((PERSONS, DIM)).astype(np.float32)
    who = rng.integers(0, PERSONS, rows)
    vectors = centres[who] + 0.7 * rng.standard_normal((rows, DIM)).astype(np.float32)
    start = 1.7e9
    records = [
        Record(
            f"cam{n % 8}/{n:06d}",
            f"cam{n % 8}",
            start + 10.0 * n,
            start + 10.0 * n + 8,
            person=int(who[n]) + 1,
        )
        for n in range(rows)
    ]
    model = ModelFingerprint.of(open_model(MODEL))
    with Gallery.open(folder, model=model, source=MODEL) as gallery:
        gallery.add(records, vectors)
        gallery.set_calibration(Calibration(0.5, 0.01, "labels", 1000, 1000, rows, 0.9, 0.9, 0.95))
        gallery.refresh()
    return [records[int(n)].key for n in rng.integers(0, rows, SEARCHES)]


def search_alone(folder: Path, keys: Sequence[str]) -> list[float]:
    """Seconds of each search."""
    found = []
    with Gallery.open(folder) as gallery:
        for key in keys[:500]:
            begun = time.perf_counter()
            row = gallery.get(key)
            assert row is not None
            gallery.search(row[1], 20, without=key)
            found.append(time.perf_counter() - begun)
    return found[20:]


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[str, psutil.Process, float]]:
    """Address, process, and seconds to the first answer."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "stca", "serve", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        match = re.match(r"open (\S+)", process.stdout.readline())
        assert match, "the server did not start"
        httpx.get(f"{match[1]}/api/v1/health").raise_for_status()
        try:
            yield match[1], psutil.Process(process.pid), time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def first_screen(address: str) -> float:
    """Seconds to the wall's HTML."""
    begun = time.perf_counter()
    httpx.get(f"{address}/", timeout=60).raise_for_status()
    return time.perf_counter() - begun


async def search_together(address: str, keys: Sequence[str]) -> tuple[list[float], float]:
    """Seconds of each search, and of all; `CLIENTS` ask at once."""
    found: list[float] = []
    todo = iter(keys)

    async def ask(client: httpx.AsyncClient) -> None:
        for key in todo:
            begun = time.perf_counter()
            while (answer := await client.post("/api/v1/search", json={"key": key})).status_code == 429:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                begun = time.perf_counter()
            answer.raise_for_status()
            found.append(time.perf_counter() - begun)

    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        begun = time.perf_counter()
        await asyncio.gather(*(ask(client) for _ in range(CLIENTS)))
        return found, time.perf_counter() - begun


async def mixed_load(address: str, server: psutil.Process, seconds: float) -> list[list[str]]:
    """Rows of a table: what was asked, errors, memory."""
    from io import BytesIO

    from PIL import Image

    data = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 48, 3), dtype=np.uint8)).save(
        data, "jpeg"
    )
    asked: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    until = time.monotonic() + seconds
    rng = np.random.default_rng(1)

    async def one(client: httpx.AsyncClient, what: str) -> None:
        key = f"cam{(n := int(rng.integers(0, 90_000))) % 8}/{n:06d}"
        if what == "search":
            answer = await client.post("/api/v1/search", json={"key": key, "k": 20})
        elif what == "wall":
            answer = await client.get("/")
        elif what == "correct":
            content = {"kind": "hide", "keys": [key]}
            answer = await client.post("/api/v1/corrections", json=content)
            if answer.status_code == 201:
                answer = await client.post(f"/api/v1/corrections/{answer.json()['id']}/undo")
        elif what == "delete":
            answer = await client.delete(f"/api/v1/tracklets/{key}")
        else:
            files = {"files": ("a.jpg", data.getvalue(), "image/jpeg")}
            answer = await client.post("/api/v1/uploads", files=files)
        asked[what] += 1
        expected = answer.status_code < 300 or answer.status_code in (404, 422, 429, 503)
        if not expected:
            failed[f"{what} {answer.status_code}"] += 1

    async def go_on(client: httpx.AsyncClient, kinds: Sequence[str]) -> None:
        while time.monotonic() < until:
            await one(client, kinds[int(rng.integers(0, len(kinds)))])

    async def jobs(client: httpx.AsyncClient) -> None:
        for number in range(VIDEOS):
            content = {"videos": [f"walk{number:03d}.avi"], "link": False}
            job = (await client.post("/api/v1/jobs", json=content)).raise_for_status().json()
            while (state := job["state"]) in ("queued", "running"):
                if time.monotonic() > until:
                    return
                await asyncio.sleep(0.5)
                job = (await client.get(f"/api/v1/jobs/{job['id']}")).raise_for_status().json()
            asked[f"job {state}"] += 1
            if state != "done":
                failed[f"job {state}: {job['error']}"] += 1

    async with httpx.AsyncClient(base_url=address, timeout=120) as client:
        for kind in ("wall", "search"):
            await one(client, kind)
        before = own_memory(server)
        kinds = ["search"] * 6 + ["wall", "correct", "upload", "delete"]
        await asyncio.gather(jobs(client), *(go_on(client, kinds) for _ in range(8)))
        after = own_memory(server)
        spent = asked.total() / seconds
    return [
        [
            f"mixed load of {seconds / 60:g} min: requests",
            ", ".join(f"{n} {what}" for what, n in sorted(asked.items())),
        ],
        ["requests a second", f"{spent:.1f}"],
        ["unexpected answers", json.dumps(failed) if failed else "none"],
        ["memory of the server before and after", f"{before / 1e6:.0f} MB, {after / 1e6:.0f} MB"],
    ]


def own_memory(process: psutil.Process) -> int:
    """Bytes of memory without what files are mapped to."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def spread(seconds: Sequence[float]) -> str:
    """Median and 99th percentile."""
    return f"{1000 * statistics.median(seconds):.1f} ms, {1000 * float(np.quantile(seconds, 0.99)):.1f} ms"


if __name__ == "__main__":
    main()
