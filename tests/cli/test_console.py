"""Output reaches every terminal and file, whatever it can encode."""

import io
import os
import sys
from pathlib import Path

import pytest

from made_gallery import DIM, FINGERPRINT, vectors
from stca.cli import main
from stca.gallery import Gallery, Record

CAMERAS = ("大门", "Hörsaal", "cam1")


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    place = tmp_path / "gallery"
    with Gallery.open(place, model=FINGERPRINT) as made:
        records = [Record(f"{camera}/0001", camera, 0.0, 1.0) for camera in CAMERAS]
        made.add(records, vectors(len(records), dim=DIM))
    return place


def called(monkeypatch: pytest.MonkeyPatch, encoding: str, *words: str) -> tuple[int, str, str]:
    """Exit status, and what a terminal of that encoding shows."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, errors="strict") for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        status = main(words)
        for stream in streams:
            stream.flush()
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]
    return status, out, err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_result_is_shown_in_every_encoding(
    gallery: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = called(monkeypatch, encoding, "gallery", "list", str(gallery))
    assert (status, err) == (0, "")
    shown = [camera.encode(encoding, "backslashreplace").decode(encoding) for camera in CAMERAS]
    for camera in shown:
        assert f"{camera}/0001" in out
    assert len(out.splitlines()) == 1 + len(CAMERAS)


def test_so_is_an_error(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = called(monkeypatch, "ascii", "search", str(gallery), "大门/0002")
    assert (status, out) == (1, "")
    assert "\\u5927\\u95e8/0002" in err


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_so_is_a_name_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/caf\xe9")
    status, _, err = called(monkeypatch, "utf-8", "gallery", "list", name)
    assert status == 1
    assert "caf\\udce9" in err
