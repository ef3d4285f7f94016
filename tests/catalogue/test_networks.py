"""What the catalogue says, which networks are taken from it, and its verbs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loopback_server import Server
from stca import catalogue
from stca.catalogue import NETWORKS, Network, best, fetch, folder, is_fetched, path_of
from stca.cli import main
from stca.errors import CheckpointError, ConfigError


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_every_entry_is_whole(network: Network) -> None:
    assert network.kind in ("reid", "detector", "backbone")
    assert network.files
    assert all((network.what, network.licence, network.digests_from, network.seen))
    assert urlsplit(network.page).scheme == "https"
    assert len({file.name for file in network.files}) == len(network.files)
    for file in network.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert urlsplit(file.url).scheme == "https"
        assert Path(file.name).name == file.name
        assert file.bytes >= 0
    if network.kind != "backbone":
        assert network.files[0].name.endswith((".xml", ".onnx", ".pth"))
        assert network.input


def test_no_digest_stands_twice() -> None:
    digests = [file.sha256 for network in NETWORKS.values() for file in network.files]
    assert len(set(digests)) == len(digests)


def test_the_strongest_that_was_fetched_is_the_best(
    server: Server, network: Callable[..., Network], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak, strong = network("weak"), network("strong")
    object.__setattr__(strong, "strength", 9)
    monkeypatch.setattr(catalogue.folder, "NETWORKS", {"weak": weak, "strong": strong})
    assert best("reid") is None
    fetch(weak)
    assert best("reid") is weak
    fetch(strong)
    assert best("reid") is strong
    assert best("detector") is None
    (folder / "strong" / strong.files[0].name).write_bytes(b"broken")
    with pytest.warns(UserWarning, match="strong was fetched, but its files are damaged"):
        assert best("reid") is weak


def test_a_network_is_verified_before_it_is_opened(
    server: Server, network: Callable[..., Network], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = network()
    monkeypatch.setattr(catalogue.folder, "find_network", lambda name: made)
    with pytest.raises(CheckpointError, match="stca weights get net"):
        path_of("net")
    path = fetch(made)
    assert path_of("net") == path
    path.write_bytes(b"changed")
    assert is_fetched(made)
    with pytest.raises(CheckpointError, match=r"found: +SHA-256"):
        path_of("net")


def test_a_name_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"try: +yolox_nano"):
        path_of("yolox_nan")


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STCA_WEIGHTS", raising=False)
    monkeypatch.setenv("STCA_CACHE", str(tmp_path))
    assert folder.weights_folder() == tmp_path / "weights"


def test_the_verbs(
    server: Server,
    network: Callable[..., Network],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = network()
    for module in (catalogue, catalogue.folder):
        monkeypatch.setattr(module, "NETWORKS", {"net": made})
    monkeypatch.setattr(catalogue.networks, "NETWORKS", {"net": made})
    assert main(["weights", "verify"]) == 0
    assert "nothing was fetched yet" in capsys.readouterr().out
    assert main(["weights", "path", "net"]) == 1
    assert main(["weights", "get", "net"]) == 0
    assert str(folder / "net" / "0.onnx") in capsys.readouterr().out
    assert main(["weights", "path", "net"]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "net" / "0.onnx")
    assert main(["weights", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["fetched"] is True
    (folder / "net" / "0.onnx").write_bytes(b"")
    assert main(["weights", "verify", "net"]) == 1
    assert capsys.readouterr().out.startswith("damaged")
    assert main(["weights", "get", "nothing"]) == 1


def test_the_real_list_can_be_read(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["weights", "list"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:-2]] == list(NETWORKS), "a line for each"
    assert max(map(len, shown.splitlines()[:-1])) < 160
    assert main(["weights", "list", "--long"]) == 0
    long = capsys.readouterr().out
    assert all(f"{name}  [" in long and network.page in long for name, network in NETWORKS.items())
    assert main(["weights", "list", "--kind", "detector"]) == 0
    assert "retail-0277" not in capsys.readouterr().out
