"""Fetching from a server on loopback that does everything wrong that servers do."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loopback_server import CONTENT, Server
from stca.catalogue import Network, fetch, fetching, verify
from stca.errors import ConfigError, DownloadError
from stca.tools.files import locked

Make = Callable[..., Network]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_pause", lambda seconds: None)


def test_a_network_is_fetched_once(server: Server, network: Make, folder: Path) -> None:
    path = fetch(network(files=2))
    assert path == folder / "net" / "0.onnx"
    assert [p.read_bytes() == CONTENT for p in sorted(path.parent.glob("*.onnx"))] == [True, True]
    assert not list(path.parent.glob("*.part"))
    assert len(server.requests) == 2
    fetch(network(files=2))
    assert len(server.requests) == 2


def test_a_size_that_nobody_published(server: Server, network: Make, folder: Path) -> None:
    assert fetch(network(bytes=0)).read_bytes() == CONTENT


def test_a_connection_that_breaks_off_is_resumed_within_the_call(
    server: Server, network: Make, folder: Path
) -> None:
    server.fault = "cut off once"
    assert fetch(network()).read_bytes() == CONTENT
    assert server.requests == [("/0.onnx", None), ("/0.onnx", "bytes=300000-")]


def test_a_later_call_resumes(server: Server, network: Make, folder: Path) -> None:
    server.fault = "cut off"
    with pytest.raises(DownloadError, match=r"the same call resumes") as error:
        fetch(network())
    assert str(folder / "net" / "0.onnx") in str(error.value)
    have = (folder / "net" / "0.onnx.part").stat().st_size
    assert 0 < have < len(CONTENT)
    assert CONTENT.startswith((folder / "net" / "0.onnx.part").read_bytes())
    server.fault, server.requests[:] = "", []
    assert fetch(network()).read_bytes() == CONTENT
    assert server.requests == [("/0.onnx", f"bytes={have}-")]


def test_a_server_that_does_not_resume_begins_again(server: Server, network: Make, folder: Path) -> None:
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "0.onnx.part").write_bytes(b"something else")
    server.fault = "no ranges"
    assert fetch(network()).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [len(CONTENT), 0])
def test_everything_was_there_but_its_name(server: Server, network: Make, folder: Path, size: int) -> None:
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "0.onnx.part").write_bytes(CONTENT)
    assert fetch(network(bytes=size)).read_bytes() == CONTENT


def test_a_wrong_digest_leaves_nothing_and_keeps_what_was_there(
    server: Server, network: Make, folder: Path
) -> None:
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "0.onnx").write_bytes(b"by hand")
    server.fault = "wrong content"
    with pytest.raises(DownloadError, match=r"expected: SHA-256 [0-9a-f]{64}, 700,001 bytes"):
        fetch(network())
    assert (folder / "net" / "0.onnx").read_bytes() == b"by hand"
    assert not (folder / "net" / "0.onnx.part").exists()


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("redirect loop", "HTTPError"),
        ("404", "HTTPError: Not Found"),
        ("403", "HTTPError: Forbidden"),
        ("500", "HTTPError: Internal Server Error"),
        ("slow", "TimeoutError: only .* bytes in"),
        ("silent", "TimeoutError: timed out"),
        ("too long", "expected: 700,001 bytes"),
    ],
)
def test_faults_are_one_clear_error(
    server: Server, network: Make, folder: Path, fault: str, found: str
) -> None:
    server.fault = fault
    with pytest.raises(DownloadError, match=found) as error:
        fetch(network(), patience=0.3)
    assert "where:    http://127.0.0.1" in str(error.value)
    assert not (folder / "net" / "0.onnx").exists()


def test_what_changes_nothing_is_not_asked_again(server: Server, network: Make, folder: Path) -> None:
    server.fault = "404"
    with pytest.raises(DownloadError):
        fetch(network())
    assert len(server.requests) == 1
    server.fault = "busy once"
    assert fetch(network()).read_bytes() == CONTENT


def test_nobody_there(network: Make, server: Server, folder: Path) -> None:
    made = network()
    server.close()
    with pytest.raises(DownloadError, match=r"stca weights verify net"):
        fetch(made, patience=1)


def test_a_full_disk_is_said_and_the_rest_is_resumed(server: Server, network: Make, folder: Path) -> None:
    """A limit on the size of files does to a write what a full disk does."""
    made = network()
    code = (
        "import signal, sys, resource; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import stca.catalogue as c\n"
        f"network = {made!r}\n".replace("Network(", "c.Network(")
        .replace("c.NetworkFile(", "NetworkFile(")
        .replace("NetworkFile(", "c.NetworkFile(")
        .replace("c.c.", "c.")
        + "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "try:\n    c.fetch(network)\nexcept c.fetching.DownloadError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert "A network cannot be written to disk" in done.stdout, done.stderr
    assert str(folder / "net" / "0.onnx.part") in done.stdout
    assert fetch(made).read_bytes() == CONTENT
    assert server.requests[-1][1] is not None  # resumed
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_two_at_once_do_not_mix(server: Server, network: Make, folder: Path) -> None:
    (folder / "net").mkdir(parents=True)
    with locked(folder / "net" / ".lock", taken="held"), pytest.raises(ConfigError, match="Another process"):
        fetch(network())


def test_a_mirror_on_disk_and_one_by_http(
    server: Server, network: Make, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror" / "net").mkdir(parents=True)
    (tmp_path / "mirror" / "net" / "0.onnx").write_bytes(CONTENT)
    monkeypatch.setenv("STCA_WEIGHTS_MIRROR", (tmp_path / "mirror").as_uri())
    assert fetch(network()).read_bytes() == CONTENT
    assert server.requests == []
    monkeypatch.setenv("STCA_WEIGHTS_MIRROR", f"{server.url}/inner/")
    assert fetch(network("other net")).read_bytes() == CONTENT
    assert server.requests == [("/inner/other%20net/0.onnx", None)]
    monkeypatch.setenv("STCA_WEIGHTS_MIRROR", "ftp://x")
    with pytest.raises(ConfigError, match="STCA_WEIGHTS_MIRROR"):
        fetch(network("third"))


def test_a_mirror_on_disk_that_was_interrupted(
    network: Make, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror" / "net").mkdir(parents=True)
    (tmp_path / "mirror" / "net" / "0.onnx").write_bytes(CONTENT)
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "0.onnx.part").write_bytes(CONTENT[:1000])
    monkeypatch.setenv("STCA_WEIGHTS_MIRROR", (tmp_path / "mirror").as_uri())
    assert fetch(network()).read_bytes() == CONTENT


def test_the_proxy_of_the_environment_is_used(
    server: Server, network: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = network()
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    outside = made.files[0].url.replace(server.url, "http://weights.invalid")
    file = type(made.files[0])("0.onnx", outside, made.files[0].bytes, made.files[0].sha256)
    through = type(made)(**{**{n: getattr(made, n) for n in made.__slots__}, "files": (file,)})
    assert fetch(through).read_bytes() == CONTENT
    assert server.requests == [("http://weights.invalid/0.onnx", None)]


def test_what_is_damaged_is_fetched_again(server: Server, network: Make, folder: Path) -> None:
    path = fetch(network())
    path.write_bytes(CONTENT[:-1])
    assert verify(network()) == {path: "damaged"}
    assert fetch(network()).read_bytes() == CONTENT
    assert verify(network()) == {path: "ok"}
