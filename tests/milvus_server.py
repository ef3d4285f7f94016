"""A real Milvus server for tests: PyPI's `milvus` 2.3.5 in an environment of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

VERSION = "milvus==2.3.5"
_START = 300.0
_LAUNCH = """
import socket, sys
import milvus

def free_port():
    with socket.socket() as listening:
        listening.bind(("", 0))
        return listening.getsockname()[1]

def bind(self, port):  # also one whose last connections the system still remembers
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError:
        listening.close()
        return None
    return listening

milvus.MilvusServerConfig.try_bind_port = bind
server = milvus.MilvusServer(wait_for_started=False)
server.set_base_dir(sys.argv[1])
for name in server.config_keys:
    if name.endswith("_port"):
        server.config.set(name, free_port())
server.listen_port, server.webservice_port = int(sys.argv[2]), free_port()
server.config.set("etcd_port", int(sys.argv[3]))
server.start()
sys.exit(server.server_proc.wait())
"""
"""What `milvus-server` does, with ports that no other server on this machine has: its own choice is not safe."""
_ETCD = """
name: default
data-dir: {data}/etcd
listen-client-urls: http://127.0.0.1:{client}
advertise-client-urls: http://127.0.0.1:{client}
listen-peer-urls: http://127.0.0.1:{peer}
initial-advertise-peer-urls: http://127.0.0.1:{peer}
initial-cluster: default=http://127.0.0.1:{peer}
"""


def installed_server() -> Path:
    """Python of an environment with `milvus`, installed by pip where the tests keep what they fetch.

    Its environment is its own: `milvus` pins packages that stca has in other versions. Skips the test where
    it cannot be installed.
    """
    place = Path(os.environ.get("STCA_TEST_MILVUS") or Path.home() / ".cache" / "stca-tests" / VERSION)
    program = place / "bin" / "python"
    if not (place / "bin" / "milvus-server").is_file():
        if sys.platform != "linux":
            pytest.skip(f"{VERSION} is for Linux")
        for command in (
            [sys.executable, "-m", "venv", str(place)],
            [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", VERSION],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            if done.returncode:
                pytest.skip(f"{VERSION} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return program


class MilvusServer:
    """A server on this machine with ports of its own; it may be killed and started again.

    Args:
        data: its folder.

    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._program = installed_server()
        self.port, self._client, self._peer = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> None:
        unpacked = self._program.parent.parent / "unpacked"
        if unpacked.is_dir() and not self.data.exists():  # else every new folder takes a quarter of a minute
            shutil.copytree(unpacked, self.data / "bin")
        self.data.mkdir(exist_ok=True)
        etcd = self.data / "etcd.yaml"
        etcd.write_text(_ETCD.format(data=self.data, client=self._client, peer=self._peer))
        self._process = subprocess.Popen(
            [str(self._program), "-c", _LAUNCH, str(self.data), str(self.port), str(self._client)],
            env={**os.environ, "ETCD_CONFIG_PATH": str(etcd)},
            stdout=(self.data.parent / f"{self.data.name}.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until = time.monotonic() + _START
        while not answers(self.address):
            assert self._process.poll() is None, (self.data.parent / f"{self.data.name}.log").read_text()[
                -2000:
            ]
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.3)
        if not unpacked.exists():
            shutil.copytree(self.data / "bin", unpacked)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self.is_running():
            self.kill()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def answers(address: str) -> bool:
    """Whether a client can list what there is."""
    from stca.errors import GalleryError
    from stca.gallery.milvus.address import parse_address
    from stca.gallery.milvus.connection import Connection

    try:
        connection = Connection(parse_address(f"{address}/x?timeout=2"))
        connection.call("list_collections")
        connection.close()
    except GalleryError:
        return False
    return True
