"""What the server keeps of somebody: saved searches, the audit log, jobs, uploads."""

import json
import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kept_gallery import found_in, make_gallery
from stca.gallery.keeping import forget, server_files
from stca.gallery.keeping.places import SERVER, note_place
from stca.gallery.keeping.server_files import names_one

KEY = "cam1/0004"
FORK = multiprocessing.get_context("fork")


def test_everything_of_it_goes(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from stca.web import schemas
    from stca.web.access.audit import AuditLog
    from stca.web.jobs.store import JobStore
    from stca.web.saved import SavedSearches

    with make_gallery(tmp_path) as gallery:
        serve = gallery.path / SERVER
        saved, audit = SavedSearches(serve), AuditLog(serve / "audit.log")
        saved.add("the thief", schemas.SearchRequest(key=KEY), author="ann", row=0)
        saved.add("another", schemas.SearchRequest(key="cam1/0005"), author="ann", row=0)
        saved.remove(saved.add("gone", schemas.SearchRequest(key=KEY, k=7), author="ann", row=0).id)
        audit.write("ann", "viewer", "search", key=KEY, k=20)
        audit.write("ann", "viewer", "search", key=KEY + "1", k=20)
        audit.write("bob", "editor", "log in")
        store = JobStore(serve)
        store.close()
        with closing(sqlite3.connect(serve / "serve.sqlite")) as db:
            db.execute(
                "INSERT INTO job_videos (job, number, path, error) VALUES (1, 1, 'a.mp4', ?)",
                [f"no: '{KEY}'"],
            )
            db.commit()
        upload = serve / "uploads" / ("0" * 32)
        upload.mkdir(parents=True)
        (upload / "000001.jpg").write_bytes(b"a likeness of somebody")
        (serve / "uploads" / "mine").mkdir()
        (serve / "job.log").write_text(f"warning: {KEY} is dark\n")
        mode = (serve / "audit.log").stat().st_mode
        pieces = {"key": KEY.encode(), "name": b"the thief", "upload": b"a likeness of"}
        would = forget(gallery, [KEY], dry_run=True).server
        assert len(found_in(serve, pieces)) >= 4
        done = forget(gallery, [KEY]).server
        assert (
            (done.searches, done.lines, done.uploads)
            == (1, 1, 1)
            == (would.searches, would.lines, would.uploads)
        )
        assert (serve / "job.log").read_bytes() == b""
        data = (serve / "serve.sqlite").read_bytes()
        assert KEY.encode() not in data
        assert b"the thief" not in data
        assert found_in(serve, {"upload": pieces["upload"]}) == []
        assert [each.name for each in saved.all()] == ["another"]
        lines = list(audit.entries())
        assert [set(line) for line in lines] == [
            {"time", "who", "role", "action", "forgotten"},
            {"time", "who", "role", "action", "key", "k"},
            {"time", "who", "role", "action"},
        ]
        assert (serve / "audit.log").stat().st_mode == mode
        assert (serve / "uploads" / "mine").is_dir()


def test_a_server_whose_folder_lies_elsewhere_is_noted_in_the_gallery(tmp_path: Path) -> None:
    from stca.web.access.audit import AuditLog

    with make_gallery(tmp_path) as gallery:
        key, here, gone = KEY, tmp_path / "state", tmp_path / "moved"
        AuditLog(here / "audit.log").write("a", "b", "search", key=key)
        note_place(gallery, "server", here)
        note_place(gallery, "server", gone)
        done = forget(gallery, [key])
        assert done.server.lines == 1
        assert key not in (here / "audit.log").read_text()
        assert done.left == (f"{gone}: noted, and not here",)


def test_no_line_of_a_running_server_is_lost(tmp_path: Path) -> None:
    from stca.gallery.keeping.server_files import erase_from_server
    from stca.web.access.audit import AuditLog

    log = tmp_path / SERVER / "audit.log"
    AuditLog(log).write("a", "b", "search", key="x/0")

    def write() -> None:
        for number in range(300):
            AuditLog(log).write("a", "b", "search", key=f"x/{number}")

    process = FORK.Process(target=write)
    process.start()
    changed = 0
    while process.is_alive():
        changed += erase_from_server(tmp_path / SERVER, ["x/0", "x/100", "x/200"]).lines
    process.join()
    changed += erase_from_server(tmp_path / SERVER, ["x/0", "x/100", "x/200"]).lines
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(entries) == 301
    assert sum("forgotten" in entry for entry in entries) == changed == 4
    assert {entry.get("key") for entry in entries} == {f"x/{n}" for n in range(300) if n % 100} | {None}


def test_a_word_is_not_a_part_of_one() -> None:
    keys = {"cam1/0004"}
    assert names_one({"a": ["x", {"b": "cam1/0004"}]}, keys)
    assert names_one("no such tracklet: 'cam1/0004'", keys)
    assert not names_one("cam1/00041 xcam1/0004", keys)
    assert not names_one({"cam1": 4, "k": None}, keys)
    assert not names_one("cam1/0004", set())


SENTENCES = [
    "{}",
    "{}: gone",
    "found {}.",
    "{}, and another",
    "({}) '{}'",
    "'/out/tracks/{}/000012.jpg' cannot be read",
    "tracks/{}/000012.jpg",
    "{}/000012.jpg",
    "key={}",
]


@pytest.mark.parametrize(
    "key", ["door/0003", "video b/0003", "cam (1)/0003", "[a+b]/0003", "hall/door/3", "gång/3"]
)
def test_sentences_and_paths_name_a_key(key: str) -> None:
    keys = {"yard/0001", key}
    for sentence in SENTENCES:
        assert names_one(sentence.format(key, key), keys), sentence
        assert names_one({"a": [0, {"b": sentence.format(key, key)}]}, keys), sentence
        assert not names_one(sentence.format(key + "1", key + "1"), keys), sentence
        assert not names_one(sentence.format(key, key), {"yard/0001"}), sentence


OTHERS = """door/00031 backdoor/0003 back-door/0003 back_door/0003 door/0003_2 door/0003.1 house/door/0003
/out/tracks/door/00031/000012.jpg /out/tracks/backdoor/0003/000012.jpg /tracks/a/door/0003/1.jpg"""


@pytest.mark.parametrize("other", OTHERS.split())
def test_another_key_is_not_named(other: str) -> None:
    assert not names_one(f"found {other}.", {"door/0003"})


def test_many_keys_are_looked_for_in_many_lines_in_a_moment() -> None:
    keys = {f"door/{number:04d}" for number in range(10_000)}
    naming = server_files._naming(keys)
    lines = [f"yard/{number:04d}: a line of an audit log, as long as they are" for number in range(10_000)]
    assert not any(server_files._has(line, naming) for line in lines)
    assert server_files._has("found door/9999.", naming)
