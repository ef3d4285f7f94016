"""A real Milvus server that is killed, does not answer, answers late, or has no room."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from made_gallery import DIM, FINGERPRINT, record, vectors
from milvus_server import MilvusServer, installed_server
from stca.errors import GalleryBusyError, GalleryError
from stca.gallery import Gallery
from stca.gallery.unit_vectors import unit_vectors

KILLS, STEP = 10, 20
BOUND = 60.0
"""Seconds within which an error must come where a request may take three."""


@contextmanager
def running(data: Path) -> Iterator[MilvusServer]:
    server = MilvusServer(data)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def add_some(gallery: Gallery, start: int, count: int = STEP) -> None:
    rows = vectors(10_000)[start : start + count]
    gallery.add([record(i) for i in range(start, start + count)], rows)


def opened(address: str) -> Gallery:
    """The gallery of a server that has just started, and may not answer yet."""
    until = time.monotonic() + 4 * BOUND
    while True:
        try:
            return Gallery.open(address)
        except GalleryBusyError:
            if time.monotonic() > until:
                raise


def require_once(address: str, acknowledged: int, tried: int) -> None:
    """Every acknowledged row is there once with its vector, and of the others each is whole or not there."""
    with opened(address) as gallery:
        records, kept = gallery.table()
        counted = Counter(r.key for r in records)
        assert set(counted.values()) == {1}
        assert {record(i).key for i in range(acknowledged)} <= set(counted)
        assert set(counted) <= {record(i).key for i in range(tried)}
        assert len(gallery) == len(records)
        numbers = [int(r.key.split("/")[1]) for r in records]
        wanted = unit_vectors(vectors(10_000), dim=DIM, where="")
        assert np.array_equal(kept, wanted[numbers])
        assert [r.camera for r in records] == [record(i).camera for i in numbers]


@pytest.mark.slow  # the server starts eleven times
def test_a_server_killed_ten_times_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(0)
    with running(tmp_path / "data") as server:
        address = f"{server.address}/killed?acknowledge=log&timeout=15"
        gallery = Gallery.open(address, model=FINGERPRINT)
        acknowledged, errors = 0, 0
        for _ in range(KILLS):
            killer = threading.Timer(rng.uniform(0.3, 4.0), server.kill)
            killer.start()
            while killer.is_alive() or server.is_running():
                try:
                    add_some(gallery, acknowledged)
                    acknowledged += STEP
                except GalleryBusyError:  # any other error fails the test
                    errors += 1
            killer.join()
            gallery.close()
            server.start()
            require_once(address, acknowledged, acknowledged + STEP)
            gallery = opened(address)
        add_some(gallery, 0, acknowledged + STEP)  # what was not acknowledged is added, the rest is known
        gallery.close()
        require_once(address, acknowledged + STEP, acknowledged + STEP)
        assert acknowledged > KILLS * STEP, "some were acknowledged before every kill"
        assert errors >= KILLS // 2, "the server was killed while nobody called it"


def test_a_server_that_never_answers_is_an_error_soon() -> None:
    pytest.importorskip("pymilvus", reason="needs the extra stca[milvus]")
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        start = time.monotonic()
        address = f"milvus://127.0.0.1:{deaf.getsockname()[1]}/g?timeout=1"
        with pytest.raises(GalleryBusyError, match="does not answer"):
            Gallery.open(address, model=FINGERPRINT)
    with pytest.raises(GalleryBusyError, match="does not answer"):  # nobody listens any more
        Gallery.open(address)
    assert time.monotonic() - start < BOUND


class Holding:
    """A proxy that holds back what the server says for as long as it is told to."""

    def __init__(self, port: int) -> None:
        self._target, self._open = port, threading.Event()
        self._open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for pair, waits in (((client, server), False), ((server, client), True)):
                threading.Thread(target=self._carry, args=(*pair, waits), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, waits: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if waits:
                    self._open.wait()
                target.sendall(data)
        except OSError:
            pass
        target.close()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._listening.close()


@pytest.mark.slow
def test_answers_that_come_late(milvus_server: MilvusServer) -> None:
    proxy = Holding(milvus_server.port)
    name = f"late{os.getpid()}?acknowledge=log&timeout=3"
    with Gallery.open(f"milvus://127.0.0.1:{proxy.port}/{name}", model=FINGERPRINT) as gallery:
        add_some(gallery, 0)
        proxy.hold()
        for call in (lambda: add_some(gallery, 20), lambda: gallery.search(np.ones(DIM, np.float32))):
            start = time.monotonic()
            with pytest.raises(GalleryBusyError, match="does not answer"):
                call()
            assert time.monotonic() - start < BOUND
        proxy.release()
        until = time.monotonic() + BOUND
        while True:  # the next call goes on, once the connection is back
            try:
                add_some(gallery, 20)
                break
            except GalleryBusyError:
                assert time.monotonic() < until
                time.sleep(0.5)
    proxy.close()
    require_once(f"{milvus_server.address}/{name}", 40, 40)


@pytest.mark.slow
def test_a_server_without_room(tmp_path: Path) -> None:
    """Its disk is full for a while: an error in bounded time, and all that was acknowledged is there after."""
    data = tmp_path / "small"
    data.mkdir()
    programs = installed_server().parent.parent / "unpacked"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(data)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    try:
        if programs.is_dir():
            (data / "bin").symlink_to(programs)
        else:
            pytest.skip("the server has not been started before, and its programs would fill the disk")
        with running(data) as server:
            fill_up(server, data)
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def fill_up(server: MilvusServer, data: Path) -> None:
    address = f"{server.address}/full?timeout=15"
    with Gallery.open(address, model=FINGERPRINT) as gallery:
        add_some(gallery, 0)
        with suppress(OSError), (data / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1 << 16))
        acknowledged, start = STEP, time.monotonic()
        error = None
        while error is None and time.monotonic() - start < 3 * BOUND:
            try:
                add_some(gallery, acknowledged)
                acknowledged += STEP
            except GalleryError as refused:
                error = refused
        assert error is not None, "the disk was not full"
        assert time.monotonic() - start < 4 * BOUND
    (data / "ballast").unlink()
    server.stop()  # some of its parts end themselves when they cannot write
    server.start()
    require_once(address, acknowledged, acknowledged + STEP)
    with opened(address) as gallery:
        add_some(gallery, acknowledged)
    require_once(address, acknowledged + STEP, acknowledged + STEP)
