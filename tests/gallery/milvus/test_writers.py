"""Writers take turns, and finish what one before them has left."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from made_gallery import FINGERPRINT, record, vectors
from stca.errors import GalleryBusyError, GalleryError
from stca.gallery import Added, Gallery, Record
from stca.gallery.milvus import lock
from stca.gallery.milvus.connection import Connection
from stca.gallery.milvus.erasing import ErasingMilvusStore
from stca.gallery.milvus.log import Log
from stca.gallery.milvus.table import Table
from stca.linking.persons import merge_persons

pytest.importorskip("milvus_lite", reason="needs the extra stca[milvus]")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = f"milvus://{tmp_path_factory.mktemp('lite')}/g.db"
    with Gallery.open(place, model=FINGERPRINT) as gallery:
        gallery.add([record(i) for i in range(12)], vectors(12))
    return place


def store_of(gallery: Gallery) -> ErasingMilvusStore:
    assert isinstance(gallery.store, ErasingMilvusStore)
    return gallery.store


def test_two_writers_take_turns(address: str) -> None:
    """Each of four threads with a gallery of its own counts up one number twelve times: none gets lost."""
    with Gallery.open(address) as gallery:
        first = gallery.reserve_number()

        def work() -> None:
            with Gallery.open(address) as mine:
                for _ in range(12):
                    mine.reserve_number()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert gallery.reserve_number() == first + 49


def test_a_second_writer_waits_only_so_long(address: str) -> None:
    with Gallery.open(address) as gallery, Gallery.open(address, wait=0.3) as other:
        held = threading.Event()
        done = threading.Event()

        def hold() -> None:
            with store_of(gallery).writing():
                held.set()
                done.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        with pytest.raises(GalleryBusyError, match="Another process is writing"):
            other.set_persons({record(0).key: 1})
        assert other.search(vectors(1)[0], 1), "who reads does not wait"
        done.set()
        thread.join()
        assert other.set_persons({record(0).key: 1})


def claim_of(process: int, machine: str) -> str:
    return json.dumps({"machine": machine, "process": process, "beats": 1})


def test_claims_of_the_dead_are_removed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with Gallery.open(address) as gallery:
        log = store_of(gallery).log
        log.write({"lock:a": claim_of(dead.pid, lock._machine())})
        assert gallery.set_persons({record(0).key: 2}), "a process of this machine that has ended"
        log.write({"lock:b": claim_of(1, "elsewhere")})
        monkeypatch.setattr(lock, "LEASE", 0.5)
        start = time.monotonic()
        assert gallery.set_persons({record(0).key: 3}), "no sign of life for as long as a lease lasts"
        assert time.monotonic() - start >= 0.5
        assert not log.read(prefixes=["lock:"])


def test_a_writer_gives_signs_of_life_within_one_long_request(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes: here until the claim has changed twice."""
    monkeypatch.setattr(lock, "LEASE", 1.0)
    with Gallery.open(address) as gallery:
        log, real = store_of(gallery).log, Table.write
        claims: list[dict[str, str]] = []

        def write(self: Table, *arguments: Any, **options: Any) -> None:
            until = time.monotonic() + 30
            while len(claims) < 3 and time.monotonic() < until:
                now = log.read(prefixes=["lock:"])
                claims.extend([now] if now not in claims else [])
                time.sleep(0.05)
            real(self, *arguments, **options)

        monkeypatch.setattr(Table, "write", write)
        assert gallery.set_persons({record(0).key: 4})
        assert len(claims) == 3
        assert len({name for claim in claims for name in claim}) == 1, "of one writer"
        assert not log.read(prefixes=["lock:"])


def test_a_writer_that_was_taken_for_dead_writes_no_more(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before every request: here between the partitions of two days."""
    days = [Record(f"day/{i}", "c", 1.7e9 + 86_400 * i, 1.7e9 + 86_400 * i) for i in range(2)]
    with Gallery.open(address) as gallery:
        store = store_of(gallery)
        before, real = len(gallery), Connection.call

        def call(self: Connection, method: str, *arguments: Any, **options: Any) -> Any:
            found = real(self, method, *arguments, **options)
            if method == "insert":
                real(self, "delete", store.log._collection, ids=[store.lock._name])
                store.lock._last = -1e9
            return found

        with monkeypatch.context() as patch:
            patch.setattr(Connection, "call", call)
            with pytest.raises(GalleryBusyError, match="took this writer for dead"):
                gallery.add(days, vectors(2))
        assert len(gallery) == before + 1
        assert gallery.add(days, vectors(2)) == Added(added=1, skipped=1)
        gallery.remove(*[day.key for day in days])


class Killed(BaseException):
    """A process that is killed."""


@pytest.mark.parametrize("when", [2, 3, 4, 5, 6])
def test_a_merge_that_was_killed_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """Killed at every write in turn; the next who opens the gallery finds it all before, or all after."""
    address = f"milvus://{tmp_path}/g.db"
    keys = [record(i).key for i in range(8)]
    with Gallery.open(address, model=FINGERPRINT) as gallery:
        gallery.add([record(i) for i in range(8)], vectors(8))
        gallery.set_persons({key: 1 + i % 2 for i, key in enumerate(keys)})
        left = when
        real_log, real_table = Log._upsert, Table.write

        def killed(real: Callable[..., None]) -> Callable[..., None]:
            def write(*arguments: object, **options: object) -> None:
                nonlocal left
                left -= 1
                if left <= 0:
                    raise Killed
                real(*arguments, **options)

            return write

        with monkeypatch.context() as patch:
            patch.setattr(Log, "_upsert", killed(real_log))
            patch.setattr(Table, "write", killed(real_table))
            patch.setattr(Log, "delete", lambda *_: None)
            with suppress(Killed):
                merge_persons(gallery, 1, 2)
    monkeypatch.setattr(lock, "_is_alive", lambda process: False)
    with Gallery.open(address) as gallery:
        persons, corrections = gallery.persons_of(keys), gallery.corrections()
        if corrections:
            assert set(persons.values()) == {1}
        else:
            assert persons == {key: 1 + i % 2 for i, key in enumerate(keys)}
            merge_persons(gallery, 1, 2)
        assert [c.id for c in gallery.corrections()] == [1]
        assert set(gallery.persons_of(keys).values()) == {1}


def test_long_entries(address: str) -> None:
    with Gallery.open(address) as gallery:
        log = store_of(gallery).log
        long = "0123456789" * 15_000
        log.write({"test:a": long, "test:b": "short"})
        assert log.read(prefixes=["test:"]) == {"test:a": long, "test:b": "short"}
        log.write({"test:a": long[:70_000]})
        assert len(log.read(prefixes=["part:"])) == 3
        log.sweep()
        assert len(log.read(prefixes=["part:"])) == 1
        assert log.read(names=["test:a"]) == {"test:a": long[:70_000]}
        log.delete(["test:a", "test:b"])
        log.sweep()
        assert not log.read(prefixes=["part:", "test:"])


def test_a_long_name_and_too_many_results_are_refused(address: str) -> None:
    with Gallery.open(address) as gallery:
        with pytest.raises(GalleryError, match="key of a tracklet is too long"):
            gallery.add([record(0).__class__("k" * 2000, "c")], vectors(1))
        with pytest.raises(GalleryError, match="has a limit"):
            gallery.search(vectors(1)[0], 20_000)
        assert gallery.add([record(0)], vectors(12)[:1]) == Added(skipped=1)
