"""Files whose bytes are overwritten before they go."""

import os
import stat
from pathlib import Path

import pytest

from stca.tools.erasing import erase_file, erase_tree, replace_erasing


def test_another_handle_sees_zeros(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"secret" * 500_000)
    path.chmod(0o400)
    with path.open("rb") as open_before:
        erase_file(path)
        assert not any(open_before.read())
        assert os.fstat(open_before.fileno()).st_size == 3_000_000
    assert not path.exists()
    erase_file(path)


def test_links(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "name").hardlink_to(tmp_path / "kept")
    erase_file(tmp_path / "link")
    erase_file(tmp_path / "name")
    assert (tmp_path / "kept").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 1


def test_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_text("secret")
    path.chmod(0o600)
    with path.open("rb") as before:
        replace_erasing(path, b"rest")
        assert before.read() == bytes(6)
    assert path.read_text() == "rest"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_erasing(path, b"lost")
    assert path.read_text() == "rest"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_tree(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "below" / "a").write_text("a")
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    assert erase_tree(tmp_path / "tree") == 2
    assert (tmp_path / "kept" / "file").read_text() == "kept"
    assert not (tmp_path / "tree").exists()
