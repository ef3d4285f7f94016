"""The audit log only grows, and what cannot be logged is not done."""

import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stca.errors import GalleryFileError
from stca.web.access.audit import AuditLog


def test_lines_are_kept_in_order_without_empty_entries(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "serve" / "audit.log")
    log.write("ann", "viewer", "search", key="cam1/0001", box=None)
    log.write("bob", "editor", "hide", keys=["cam1/\u2028é"])
    first, second = AuditLog(tmp_path / "serve" / "audit.log").entries()
    assert {name: first[name] for name in ("who", "role", "action", "key")} == {
        "who": "ann",
        "role": "viewer",
        "action": "search",
        "key": "cam1/0001",
    }
    assert "box" not in first
    assert second["keys"] == ["cam1/\u2028é"]
    assert first["time"] <= second["time"]


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    AuditLog(path).write("ann", "viewer", "search")
    with path.open("ab") as file:
        file.write(b'{"time": 1, "wh')
    assert [entry["who"] for entry in AuditLog(path).entries()] == ["ann"]


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "serve").write_text("a file where the folder should be")
    with pytest.raises(GalleryFileError, match="audit log cannot be written"):
        AuditLog(tmp_path / "serve" / "audit.log").write("ann", "viewer", "search")


def test_after_a_line_that_was_cut_off_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'{"time": 1, "wh')
    AuditLog(path).write("ann", "viewer", "search")
    AuditLog(path).write("bob", "viewer", "search")
    assert [entry["who"] for entry in AuditLog(path).entries()] == ["ann", "bob"]


def test_a_failed_write_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.log"
    AuditLog(path).write("ann", "viewer", "search")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(GalleryFileError, match="audit log cannot be written"):
            AuditLog(path).write("bob", "viewer", "search")
    assert path.read_bytes() == before
    AuditLog(path).write("cyd", "viewer", "search")
    assert [entry["who"] for entry in AuditLog(path).entries()] == ["ann", "cyd"]


def test_a_line_that_is_json_but_no_entry_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text('5\nnull\n[]\n"a"\n{}\n{"time": "x", "who": 1}\n' + "[" * 9999 + "\n")
    AuditLog(path).write("ann", "viewer", "search")
    assert [entry["who"] for entry in AuditLog(path).entries()] == ["ann"]


def test_a_lone_surrogate_can_be_logged_and_shown(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.write("ann", "viewer", "search", key="a\ud800b", title="\N{GRINNING FACE}")
    (entry,) = log.entries()
    assert (entry["key"], entry["title"]) == ("a?b", "\N{GRINNING FACE}")
    json.dumps(entry, ensure_ascii=False).encode()


def test_the_log_makes_no_folders_of_a_gallery_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(GalleryFileError, match="audit log cannot be written"):
        AuditLog(tmp_path / "gone" / "serve" / "audit.log").write("ann", "viewer", "search")
    assert not (tmp_path / "gone").exists()


def test_lines_that_come_together_share_a_wait_for_the_disk_and_are_there_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, safe = tmp_path / "audit.log", os.fsync, []

    def slow(number: int) -> None:
        size = os.fstat(number).st_size
        time.sleep(0.02)
        real(number)
        safe.append(size)

    monkeypatch.setattr(os, "fsync", slow)
    log = AuditLog(path)

    def write(number: int) -> bool:
        log.write("ann", "viewer", "search", key=f"<{number}>")
        on_disk = path.read_bytes()[: max(safe)]
        return f"<{number}>".encode() in on_disk

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(write, range(64)))
    assert sorted(entry["key"] for entry in log.entries()) == sorted(f"<{number}>" for number in range(64))
    assert len(safe) < 32


def test_when_a_shared_write_fails_nobodys_line_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.write("ann", "viewer", "search")
    before = (tmp_path / "audit.log").read_bytes()

    def full(_: int) -> None:
        time.sleep(0.02)
        raise OSError(errno.ENOSPC, "No space left on device")

    def write(number: int) -> str:
        with pytest.raises(GalleryFileError) as error:
            log.write("bob", "viewer", "search", key=str(number))
        return str(error.value.found)

    with monkeypatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setattr(os, "fsync", full)
        assert set(pool.map(write, range(8))) == {"No space left on device"}
    assert (tmp_path / "audit.log").read_bytes() == before
