"""`stca serve` and `stca audit` as people type them."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from made_server import ROWS, fill_gallery
from stca.cli import main
from stca.client import Client
from stca.web.access.tokens import Tokens, User


def test_a_server_answers_logs_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = fill_gallery(tmp_path / "gallery")
    command = [sys.executable, "-m", "stca", "serve", str(gallery), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        try:
            address = re.match(r"open (http://127\.0\.0\.1:\d+)", line)
            assert address, line
            with Client(address[1]) as client:
                assert client.gallery().tracklets == ROWS
                client.search(key="north/0000")
            assert main(["serve", str(gallery), "--port", "0"]) == 1
            assert "Another server already serves this gallery" in capsys.readouterr().err
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(30) in (0, 130)
    assert main(["audit", str(gallery)]) == 0
    assert re.search(r"local +search +key: north/0000", capsys.readouterr().out)
    assert main(["audit", str(gallery), "--who", "ann"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["audit", str(gallery), "--json", "--since", "2020-01-01"]) == 0
    assert json.loads(capsys.readouterr().out)["action"] == "search"


def test_tokens_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = fill_gallery(tmp_path / "gallery")
    assert main(["serve", str(gallery), "--new-token", "ann", "--role", "editor"]) == 0
    token = capsys.readouterr().out.strip()
    tokens = Tokens(gallery / "serve" / "tokens.json")
    assert tokens.user(token) == User("ann", "editor")
    assert main(["serve", str(gallery), "--tokens"]) == 0
    shown = capsys.readouterr().out
    assert shown.split() == ["ann", "editor"]
    assert main(["serve", str(gallery), "--revoke-token", "ann"]) == 0
    assert tokens.user(token) is None


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "Which gallery?"),
        (["nowhere"], "There is no gallery here"),
        (["GALLERY", "--host", "0.0.0.0"], "A server that others reach needs a token"),
        (["GALLERY", "--videos", "nowhere"], "no such folder of videos"),
        (["GALLERY", "--port", "70000"], "A port is a number"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    fill_gallery(tmp_path / "GALLERY")
    assert main(["serve", *words]) == 1
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "GALLERY" / "serve").exists()


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gallery = fill_gallery(tmp_path / "gallery")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", str(gallery), "--port", str(taken.getsockname()[1])]) == 1
    said = capsys.readouterr().err
    assert "The server cannot listen here" in said
    assert "--port 0" in said
