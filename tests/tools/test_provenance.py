import subprocess
from pathlib import Path

import pytest

from stca.tools import provenance


def test_what_a_command_writes_does_not_make_the_checkout_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    code, table = tmp_path / "src" / "package" / "code.py", tmp_path / "experiments" / "results" / "table.md"
    for path in (code, table):
        path.parent.mkdir(parents=True)
        path.write_text("before")
    monkeypatch.setattr(provenance, "__file__", str(code))
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    clean = provenance.provenance()["commit"]
    assert len(clean) == 10

    table.write_text("after")
    assert provenance.provenance()["commit"] == clean
    code.write_text("after")
    assert provenance.provenance()["commit"] == f"{clean}-dirty"
