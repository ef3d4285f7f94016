"""Killed while adding, readers beside a writer, two writers, full disks, folders that cannot be written."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT, record, slow_search, vectors
from stca.errors import GalleryError
from stca.gallery import Gallery, embedded
from stca.gallery.index import file as index_file
from stca.gallery.store.file import FILE
from stca.runs.gallery_model import open_gallery

ADDER = Path(__file__).parents[2] / "gallery_adder.py"
SOURCE = Path(__file__).parents[3] / "src"


def adder(*arguments: object, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), str(ADDER.parent)])}
    command = [sys.executable, str(ADDER), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def check(folder: Path, acknowledged: int, *, before: int, step: int) -> int:
    """Everything acknowledged is there, once, with its own vector, and searches say so; how many rows."""
    rows = vectors(4000)
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        records, kept = gallery.table()
        keys = [r.key for r in records]
        assert keys == [record(i).key for i in range(len(keys))], "each once, without gaps"
        assert max(acknowledged, before) <= len(keys) <= max(acknowledged + step, before)
        assert len(keys) % step == 0, "a batch is there as a whole or not at all"
        units = rows[: len(keys)] / np.linalg.norm(rows[: len(keys)], axis=1, keepdims=True)
        assert np.allclose(kept, units, atol=1e-6)
        pairs = {r.key: (r, v) for r, v in zip(records, kept, strict=True)}
        for i in range(0, len(keys), max(1, len(keys) // 5)):
            wanted = slow_search(pairs, rows[i], 3)
            hits = gallery.search(rows[i], 3)
            assert hits[0].key == record(i).key
            if gallery.stats().index == "exact":
                assert [hit.key for hit in hits] == [key for key, _ in wanted]
    return len(keys)


def kill_while_adding(folder: Path, times: int, *, exact: tuple[int, ...] = ()) -> int:
    """Rows that came through; a gallery that is complete makes room for another."""
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    step, before, total, number = 20, 0, 0, 0
    for turn in range(times):
        place = folder / str(number)
        process = adder(place, 0, 4000, step, *exact)
        if turn % 4:  # otherwise also while it is being opened or made
            assert process.stdout.readline() == "open\n", process.stderr.read()
        time.sleep(rng.uniform(0, 0.4 if turn % 4 else 4.0))
        process.send_signal(signal.SIGKILL)
        said = [
            line.split() for line in process.communicate()[0].splitlines(keepends=True) if line.endswith("\n")
        ]
        numbers = [int(words[0]) for words in said if len(words) == 2]
        there = check(place, max(numbers, default=0), before=before, step=step)
        total += there - before
        before, number = (there, number) if there < 4000 else (0, number + 1)
    return total


def test_killed_while_adding(tmp_path: Path) -> None:
    kill_while_adding(tmp_path, 4)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [(), (400 * DIM,)], ids=["exact", "with an index file"])
def test_killed_twenty_times(tmp_path: Path, exact: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    if exact:
        monkeypatch.setattr(embedded, "EXACT_VALUES", exact[0])
    assert kill_while_adding(tmp_path, 20, exact=exact) > 1000


def test_readers_see_rows_after_their_commit_and_never_half_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADDER_PAUSE", "0.05")  # the reader searches 40 times meanwhile, on a busy machine
    Gallery.open(tmp_path / "g", model=FINGERPRINT).close()
    query, seen = vectors(2000)[0], []
    with Gallery.open(tmp_path / "g") as reader:
        process = adder(tmp_path / "g", 0, 2000, 50)
        assert process.stdout.readline() == "open\n"
        for line in process.stdout:
            acknowledged = int(line.split()[0])
            count = len(reader)
            hits = reader.search(query, 5000)
            assert count >= acknowledged, "what was acknowledged is seen at once"
            assert len(hits) >= count
            assert len(hits) % 50 == 0
            assert len({hit.key for hit in hits}) == len(hits)
            seen.append(len(hits))
        assert process.wait() == 0
    assert seen == sorted(seen)
    assert seen[-1] == 2000
    assert len(set(seen)) > 5, "while it was writing"


def test_threads_of_one_gallery_take_turns(tmp_path: Path) -> None:
    """Three that ask and two that write share one connection, and with it one transaction."""
    rows = vectors(2000)
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery, ThreadPoolExecutor(8) as pool:
        gallery.add([record(i) for i in range(100)], rows[:100])
        until = time.monotonic() + 1.5

        def again(ask: Callable[[], object]) -> int:
            count = 0
            while time.monotonic() < until:
                ask()
                count += 1
            return count

        def whole_batches() -> None:
            assert len(gallery.search(rows[0], 5000)) % 10 == 0
            records, kept = gallery.table()
            assert len(records) == len(kept)
            assert len(records) % 10 == 0

        def add() -> int:
            for start in range(100, 2000, 10):
                if time.monotonic() > until:
                    return start
                numbers = range(start, start + 10)
                gallery.add([record(i) for i in numbers], rows[start : start + 10])
            return 2000

        added = pool.submit(add)
        asked = [
            pool.submit(again, ask)
            for ask in (
                whole_batches,
                lambda: gallery.known([record(3).key]),
                lambda: gallery.get(record(3).key),
                lambda: gallery.stats(),
                lambda: gallery.source,
                lambda: gallery.set_persons({record(3).key: 7}),
            )
        ]
        assert min(each.result() for each in asked) > 0
        total = added.result()  # before the rows are counted: the last batch may still be on its way
        assert len(gallery) == total > 100


def test_killed_while_it_was_made(tmp_path: Path) -> None:
    """An empty file, or one in write-ahead mode without tables, is a gallery that never was."""
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / FILE).touch()
    with pytest.raises(GalleryError, match="no gallery"):
        Gallery.open(tmp_path / "g")
    opened, _ = open_gallery(tmp_path / "g", None)
    opened.close()
    for path in (tmp_path / "g").iterdir():
        path.unlink()
    (tmp_path / "g" / FILE).touch()
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        gallery.add([record(0)], vectors(1))
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        assert len(gallery) == 1


def test_two_writers_take_turns(tmp_path: Path) -> None:
    processes = [adder(tmp_path / "g", first, 600, 20) for first in (0, 300)]
    for process in processes:
        _, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
    with Gallery.open(tmp_path / "g") as gallery:
        assert sorted(r.key for r in gallery.records()) == sorted(record(i).key for i in range(900))


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    with (
        Gallery.open(tmp_path / "g", model=FINGERPRINT) as first,
        Gallery.open(tmp_path / "g", wait=0.2) as second,
    ):
        first._store._db.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryError, match="Another process is writing"):
            second.add([record(0)], vectors(1))
        assert second.search(vectors(1)[0]) == []
        first._store._db.execute("ROLLBACK")
        second.add([record(0)], vectors(1))


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk's end."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))

    process = adder(tmp_path / "g", 0, 40_000, 1000, preexec_fn=limit)
    out, complaint = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(r"\bGallery\w*Error\b", complaint)
    assert "acknowledged so far is kept" in complaint
    acknowledged = int(out.splitlines()[-1].split()[0])
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        assert len(gallery) == acknowledged
        gallery.add([record(i) for i in range(acknowledged, acknowledged + 10)], vectors(10))
        assert len(gallery.search(vectors(10)[0], 5)) == 5


READ_ONLY = """
import os, sys
import numpy as np
from pathlib import Path
from stca.gallery import Gallery, Record
if os.getuid() == 0:  # root may write everywhere
    os.setgid(65534)
    os.setuid(65534)
gallery = Gallery.open(Path(sys.argv[1]))
print(len(gallery.search(np.ones(DIM, np.float32), 30)), gallery.writable)
gallery.add([Record("x", "y")], np.ones((1, DIM), np.float32))
"""


def test_a_folder_that_can_only_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others
        folder = Path(name) / "g"
        with Gallery.open(folder, model=FINGERPRINT) as gallery:
            gallery.add([record(i) for i in range(20)], vectors(20))
        for path in (*folder.iterdir(), folder):
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(name).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY.replace("DIM", str(DIM)), str(folder)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        folder.chmod(0o755)
    assert done.stdout == "20 False\n", done.stderr
    assert "This gallery can only be read" in done.stderr


# ---- the index beside it ----

FEW = 1500 * DIM


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that 2,000 rows are many."""
    monkeypatch.setattr(embedded, "EXACT_VALUES", FEW)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of 2,000 rows with its index, made once: to be copied."""
    folder = tmp_path_factory.mktemp("big") / "g"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "EXACT_VALUES", FEW)
        with Gallery.open(folder, model=FINGERPRINT) as gallery:
            gallery.add([record(i) for i in range(2000)], vectors(2000, people=300))
            gallery.refresh()
    return folder


def big(made: Path, folder: Path) -> np.ndarray:
    """A gallery as `made`; its rows."""
    shutil.copytree(made, folder)
    return vectors(2000, people=300)


def recall(gallery: Gallery, rows: dict, queries: np.ndarray, **filters: object) -> float:
    found = wanted = 0
    for query in queries:
        right = {key for key, _ in slow_search(rows, query, 10, **filters)}
        found += len(right & {hit.key for hit in gallery.search(query, 10, **filters)})
        wanted += len(right)
    return found / wanted


@pytest.mark.usefixtures("few")
def test_the_approximate_index_finds_what_comparing_finds_also_through_filters(
    made: Path, tmp_path: Path
) -> None:
    rows = big(made, tmp_path / "g")
    pairs = {record(i).key: (record(i), row) for i, row in enumerate(rows)}
    queries = rows[:30] + 0.4 * vectors(30, seed=5)
    with Gallery.open(tmp_path / "g") as gallery:
        assert gallery.stats().index.startswith("approximate")
        assert recall(gallery, pairs, queries) > 0.97
        assert recall(gallery, pairs, queries, cameras=("yard",)) > 0.97
        assert recall(gallery, pairs, queries, time=(100.0, 130.0)) == 1, "few rows are all compared"
        assert recall(gallery, pairs, queries, cameras=("yard", "south"), time=(100.0, 1500.0)) > 0.97
        for camera in ("yard", "south"):
            hits = gallery.search(queries[0], 2000, cameras=(camera,), time=(0, 50))
            assert len(hits) == len(slow_search(pairs, queries[0], 2000, cameras=(camera,), time=(0, 50)))
        hits = gallery.search(queries[1], 10)
        exact = dict(slow_search(pairs, queries[1], 2000))
        assert np.allclose([hit.score for hit in hits], [exact[hit.key] for hit in hits], atol=1e-5)


@pytest.mark.usefixtures("few")
def test_the_index_file_is_used_topped_up_and_leaves_out_what_was_removed(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = big(made, tmp_path / "g")
    new = vectors(30, seed=9)
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        gallery.add([record(i) for i in range(2000, 2030)], new)
        gallery.remove(record(5).key)
        gallery.add([record(7, content="other")], new[3:4] * 2, replace=True)
    monkeypatch.setattr(embedded.FastIndex, "build", None)  # it must not be needed
    with Gallery.open(tmp_path / "g") as gallery:
        assert gallery.search(new[2], 1)[0].key == record(2002).key
        assert record(5).key not in {hit.key for hit in gallery.search(rows[5], 50)}
        both = {hit.key: hit.score for hit in gallery.search(new[3], 2)}
        assert both.keys() == {record(2003).key, record(7).key}
        assert min(both.values()) > 0.9999


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "harm", ["gone", "cut", "a bit", "a number", "no json", "empty", "another gallery's", "of another past"]
)
def test_an_index_file_that_does_not_fit_is_made_again(made: Path, tmp_path: Path, harm: str) -> None:
    rows = big(made, tmp_path / "g")
    path = tmp_path / "g" / index_file.FILE
    data = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "a bit":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif harm == "a number":
        path.write_bytes(data.replace(b'"probes": ', b'"probes": 1', 1))
    elif harm in ("no json", "empty"):
        path.write_bytes(b"hello\n" if harm == "no json" else b"")
    elif harm == "another gallery's":
        with Gallery.open(tmp_path / "h", model=FINGERPRINT) as gallery:
            gallery.add([record(i) for i in range(2000)], rows)
            gallery.refresh()
        path.write_bytes((tmp_path / "h" / index_file.FILE).read_bytes())
    else:  # a copy from before is put back, then as many other rows are added
        store = tmp_path / "g" / FILE
        old = tmp_path / "old"
        old.write_bytes(store.read_bytes())
        rows = np.concatenate([rows, vectors(1500, seed=3)])
        with Gallery.open(tmp_path / "g") as gallery:
            gallery.add([record(i) for i in range(2000, 3500)], vectors(1500, seed=4))
            gallery.refresh()
        store.write_bytes(old.read_bytes())
        with Gallery.open(tmp_path / "g") as gallery:
            gallery.add([record(i) for i in range(2000, 3500)], rows[2000:])
    with Gallery.open(tmp_path / "g") as gallery:
        for i in range(0, len(rows), 137):
            assert gallery.search(rows[i], 1)[0].key == record(i).key
        assert gallery.stats().index.startswith("approximate")
    assert index_file.load_index(tmp_path / "g") is not None


@pytest.mark.usefixtures("few")
def test_growing_beyond_and_shrinking_below_the_exact_size(tmp_path: Path) -> None:
    rows = vectors(4000, people=300)
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery, Gallery.open(tmp_path / "g") as reader:
        for start in range(0, 4000, 500):
            numbers = range(start, start + 500)
            gallery.add([record(i) for i in numbers], rows[start : start + 500])
            for each in (gallery, reader):
                assert each.search(rows[start + 3], 1)[0].key == record(start + 3).key
        assert reader.stats().index.startswith("approximate")
        gallery.remove(*(record(i).key for i in range(1000, 4000)))
        for each in (gallery, reader):
            assert len(each.search(rows[0], 5000)) == 1000
            assert each.stats().index == "exact"
    gallery = Gallery.open(tmp_path / "g")
    assert len(gallery.search(rows[0], 5000)) == 1000
