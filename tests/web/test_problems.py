"""What errors become: whose fault they say it is, when to try again, and nothing of where files are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from made_server import fill_gallery, served
from stca.errors import ConfigError, GalleryError, GalleryFileError, StcaError
from stca.gallery.store.sqlite import sqlite_errors
from stca.web.problems import WebError, not_found, problem_of, status_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill_gallery(tmp_path / "some where" / "gallery")


def test_a_damaged_file_of_the_server_is_its_own_fault(folder: Path) -> None:
    with served(folder) as client:
        saved = client.app.state.server.saved
        saved._path = folder / "noise.sqlite"
        saved._path.write_bytes(b"noise" * 1000)
        answer = client.get("/api/v1/searches")
    assert answer.status_code == 500
    assert "retry-after" not in answer.headers
    assert str(folder) not in answer.text


def test_a_locked_file_of_the_server_is_busy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stca.web.saved._WAIT", 0.01)
    with served(folder) as client:
        assert client.get("/api/v1/searches").status_code == 200
        with closing(sqlite3.connect(folder / "serve" / "serve.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            key = {"name": "him", "request": {"key": "north/0000"}}
            answer = client.post("/api/v1/searches", json=key)
            other.execute("ROLLBACK")
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
        assert client.post("/api/v1/searches", json=key).status_code == 201


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (sqlite3.SQLITE_BUSY, 503),
        (sqlite3.SQLITE_LOCKED, 503),
        (sqlite3.SQLITE_FULL, 503),
        (sqlite3.SQLITE_CORRUPT, 500),
        (sqlite3.SQLITE_NOTADB, 500),
        (sqlite3.SQLITE_IOERR | 1 << 8, 500),
        (sqlite3.SQLITE_READONLY, 500),
        (sqlite3.SQLITE_CANTOPEN, 500),
    ],
)
def test_errors_of_a_gallery_file(code: int, status: int, tmp_path: Path) -> None:
    error = sqlite3.OperationalError("trouble")
    error.sqlite_errorcode = code
    with pytest.raises(GalleryError) as caught, sqlite_errors(tmp_path):
        raise error
    assert status_of(caught.value) == status


@pytest.mark.parametrize(("number", "status"), [(28, 503), (13, 500)])
def test_a_full_disk_and_one_that_refuses(number: int, status: int, tmp_path: Path) -> None:
    with pytest.raises(GalleryError) as caught, sqlite_errors(tmp_path):
        raise OSError(number, "trouble", str(tmp_path / "gallery"))
    assert status_of(caught.value) == status


def test_what_was_asked_wrongly_stays_the_askers_fault(folder: Path) -> None:
    assert status_of(GalleryError("The gallery has no tracklet 'a'")) == 422
    with served(folder) as client:
        wrong = {"kind": "name", "person": 2**70, "name": "Ana"}
        assert client.post("/api/v1/corrections", json=wrong).status_code == 422


def test_options_of_the_command_line_are_no_hint_over_the_network() -> None:
    hint = "--box LEFT,TOP,WIDTH,HEIGHT chooses a person"
    assert "hint" not in problem_of(GalleryError("Several people", hint=hint), instance="/x")
    assert problem_of(GalleryError("Two", hint="one at a time -- not two"), instance="/x")["hint"]
    assert problem_of(GalleryFileError("Damaged", hint="stca gallery check --repair"), instance="/x")["hint"]
    assert problem_of(not_found("No video", hint="start it with --videos DIR"), instance="/x")["hint"]


@pytest.mark.parametrize("kind", [GalleryError, ConfigError, StcaError])
@pytest.mark.parametrize("part", ["what", "expected", "found", "hint"])
def test_no_part_of_an_answer_says_where_files_are(
    kind: type[StcaError], part: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"what": "It failed", part: f"no file {folder}/tracks/x.jpg, '{folder}' nor /srv/a/b.mp4: look"}
    what = texts.pop("what")

    def fail(*_: object) -> None:
        raise kind(what, where=folder, **texts)

    with served(folder, videos=(folder.parent,)) as client:
        monkeypatch.setattr(client.app.state.server, "snapshot", fail)
        answer = client.get("/api/v1/cameras")
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(folder.parent.parent) not in answer.text
    assert "some where" not in answer.text
    assert "/srv" not in answer.text
    assert "no file gallery/tracks/x.jpg, 'gallery' nor b.mp4: look" in answer.text


def test_a_path_is_shown_by_its_name_and_addresses_stay() -> None:
    error = WebError(
        "Gone",
        status=404,
        found=Path("/srv/x y/b.mp4"),
        hint="/api/v1/why/a/3 and /media/crop/1/a, see /videos",
    )
    found = problem_of(error, instance="/x")
    assert found["detail"] == "found: b.mp4"
    assert found["hint"] == error.hint
