"""Many files in one: what comes back, and what is an error instead of the end of the process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stca.errors import DatasetError, FrameError, StcaError
from stca.footage.packs import open_pack, read_packed, split_packed, write_pack

CONTENT = {"a/1.jpg": b"one", "a/2.jpg": bytes(range(256)) * 200, "b/1.jpg": b""}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def write(content: dict[str, bytes] = CONTENT, name: str = "some.lmdb", **extra: bytes) -> Path:
        for key, data in content.items():
            (tmp_path / key).parent.mkdir(exist_ok=True)
            (tmp_path / key).write_bytes(data)
        write_pack(tmp_path / name, [(key, tmp_path / key) for key in content], extra)
        return tmp_path / name

    return write


def test_what_was_packed_comes_back(make: Callable[..., Path]) -> None:
    pack = make(index=b"1 2 3")
    assert {name: read_packed(pack, name) for name in CONTENT} == CONTENT
    assert read_packed(pack, "index") == b"1 2 3"
    assert split_packed(pack / "a" / "1.jpg") == (pack, "a/1.jpg")


def test_other_paths_lead_into_no_pack(tmp_path: Path) -> None:
    (tmp_path / "folder.lmdb").mkdir()
    assert split_packed(tmp_path / "a.jpg") is None
    assert split_packed(tmp_path / "none.lmdb" / "a.jpg") is None
    assert split_packed(tmp_path / "folder.lmdb" / "a.jpg") is None


def test_an_open_pack_is_not_looked_up_again(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = make()
    read_packed(pack, "a/1.jpg")
    monkeypatch.setattr(Path, "stat", lambda *args, **kwargs: pytest.fail("looked up"))
    found = split_packed(pack / "a" / "2.jpg")
    assert found is not None
    assert read_packed(*found) == CONTENT["a/2.jpg"]


def test_a_pack_that_was_replaced_is_opened_anew(make: Callable[..., Path]) -> None:
    pack = make()
    assert read_packed(pack, "a/1.jpg") == b"one"
    make({"a/1.jpg": b"another"})
    assert read_packed(pack, "a/1.jpg") == b"one"  # nobody opened the new one yet
    open_pack(pack)
    assert read_packed(pack, "a/1.jpg") == b"another"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_pack_that_is_cut_off_is_an_error(make: Callable[..., Path], share: float) -> None:
    data = make().read_bytes()
    cut = make(name="cut.lmdb")
    cut.write_bytes(data[: int(share * len(data))])
    # In a process of its own, which would otherwise end by SIGBUS.
    code = "import sys; from pathlib import Path; from stca.footage.packs import read_packed as read\n"
    code += "try: [read(Path(sys.argv[1]), name) for name in sys.argv[2:]]\nexcept Exception as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code, str(cut), *CONTENT], capture_output=True, text=True)
    assert done.returncode == 0
    assert "pack" in done.stdout
    with pytest.raises(DatasetError, match="pack"):
        read_packed(cut, "a/2.jpg")


def test_what_is_no_pack_is_not_overwritten(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "some.lmdb").write_text("precious")
    with pytest.raises(DatasetError, match="Something else than a pack"):
        make(index=b"1 2 3")
    assert (tmp_path / "some.lmdb").read_text() == "precious"
    foreign = make(name="foreign.lmdb")
    with pytest.raises(DatasetError, match="Something else than a pack"):
        make(name="foreign.lmdb", index=b"1 2 3")
    assert read_packed(foreign, "a/1.jpg") == b"one"


def test_a_full_disk_is_said(make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import lmdb

    def full(*args: object) -> None:
        raise lmdb.DiskError("mdb_txn_commit: No space left on device")

    monkeypatch.setattr("stca.footage.packs._write", full)
    with pytest.raises(DatasetError, match=r"Cannot write a pack(.|\n)*No space left"):
        make()


def test_a_name_lmdb_cannot_hold_is_an_error(make: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Cannot read from a pack"):
        read_packed(make(), "")
    with pytest.raises(DatasetError, match="too long for a pack"):
        write_pack(tmp_path / "long.lmdb", [("x" * 600, tmp_path / "a" / "1.jpg")], {})
    with pytest.raises(FrameError, match="in the pack"):
        read_packed(tmp_path / "some.lmdb", "nobody")


def test_without_lmdb(make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(StcaError, match=r"stca\[pack\]"):
        make()
