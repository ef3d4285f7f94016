"""Tokens: made once, kept hashed, revoked at once."""

import json
from pathlib import Path

import pytest

from stca.errors import ConfigError
from stca.web.access.tokens import Tokens, User


def test_a_token_lets_its_owner_in_and_is_not_on_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    secret = Tokens(file).create("ann", "editor")
    assert Tokens(file).user(secret) == User("ann", "editor")
    assert Tokens(file).user(secret + "x") is None
    assert secret not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_change_by_another_process_counts_at_once(tmp_path: Path) -> None:
    served, command = Tokens(tmp_path / "t.json"), Tokens(tmp_path / "t.json")
    secret = command.create("ann", "viewer")
    assert served.user(secret) == User("ann", "viewer")
    command.revoke("ann")
    assert served.user(secret) is None


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "a\nb", "a\x1b[2J"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="name of its owner"):
        Tokens(tmp_path / "t.json").create(name, "viewer")


def test_one_token_per_name(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "t.json")
    tokens.create("ann", "viewer")
    with pytest.raises(ConfigError, match="There is a token of this name"):
        tokens.create("ann", "editor")
    with pytest.raises(ConfigError, match=r"no token of this name[\s\S]*ann"):
        tokens.revoke("bob")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"tokens": [{"name": "x"}]}',
        json.dumps({"tokens": [{"name": "x", "role": "god", "digest": "0", "created": 0}]}),
    ],
)
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ConfigError, match="damaged"):
        Tokens(tmp_path / "t.json").user("anything")
