"""The audit log only grows, and what cannot be logged is not done."""

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
