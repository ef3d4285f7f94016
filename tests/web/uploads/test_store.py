"""Uploads from the form to the query: kept apart, under ids nobody can guess, for an hour."""

import asyncio
import os
import time
import uuid
from pathlib import Path

import pytest
from starlette.requests import Request

import made_uploads as made
from made_server import fill_gallery, served
from stca.errors import GalleryError
from stca.web.problems import WebError
from stca.web.uploads import DecodeQueue, UploadError, Uploads
from street import Walker, write_street

pytest.importorskip("av")


def request(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=xyz")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def add(uploads: Uploads, *files: tuple[str, bytes]) -> str:
    return asyncio.run(uploads.add(request(made.form(files))))


def test_pictures_are_a_query(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    one = add(uploads, ("../me.jpg", made.jpeg((60, 120))), ("b.png", made.picture("PNG", (50, 120))))
    work = tmp_path / "work"
    work.mkdir()
    assert uploads.title(one) == "2 pictures"
    assert [path.parent.parent.name for path in uploads.query(one, work).found.frames] == [one, one]
    query = uploads.query(one, work, image=2, box=(0, 0, 25, 60))
    (crop,) = query.found.frames
    assert crop.parent == work
    with pytest.raises(WebError, match="no such picture"):
        uploads.query(one, work, image=3)
    two = add(uploads, ("../me.jpg", made.jpeg((60, 120))))
    assert uploads.title(two) == "me.jpg"
    assert two != one
    assert uploads.get(two).pictures[0].path.read_bytes() == uploads.get(one).pictures[0].path.read_bytes()
    assert (tmp_path / "uploads" / one).stat().st_mode & 0o777 == 0o700


def test_a_video_is_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackers")
    walker = Walker((190, 40, 50), 30, 200, 2.5)
    write_street(tmp_path / "street.avi", [walker], 40)
    uploads = Uploads(tmp_path / "uploads")
    upload = add(uploads, ("street.avi", (tmp_path / "street.avi").read_bytes()))
    work = tmp_path / "work"
    work.mkdir()
    assert (uploads.get(upload).rate, len(uploads.get(upload).pictures)) == (10.0, 40)
    left, top, right, bottom = walker.box(20) or (0, 0, 0, 0)
    query = uploads.query(upload, work, image=20, box=(left, top, right - left, bottom - top))
    assert len(query.found.frames) > 10
    assert "street.avi: the person at" in query.notes[0]
    monkeypatch.setattr("stca.web.uploads.store.default_detector", lambda: "street:colours")
    found = uploads.query(upload, work)
    assert len(found.found.frames) > 10
    write_street(tmp_path / "two.avi", [walker, Walker((40, 60, 190), 290, 120, -2.5)], 40)
    both = add(uploads, ("two.avi", (tmp_path / "two.avi").read_bytes()))
    (tmp_path / "other").mkdir()
    with pytest.raises(GalleryError, match="several tracklets"):
        uploads.query(both, tmp_path / "other")


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    for files in ([("a.svg", b"<svg>" + made.SCRIPT)], [("a.jpg", made.huge_png())], []):
        with pytest.raises(UploadError):
            add(uploads, *files)
        assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../uploads", "0" * 32, "a" * 31 + "/", "A" * 32, "0" * 33, "\0" * 32]
)
def test_what_was_not_uploaded_is_not_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "uploads").mkdir()
    for ask in (Uploads(tmp_path / "uploads").get, Uploads(tmp_path / "uploads").title):
        with pytest.raises(WebError) as error:
            ask(name)
        assert error.value.status == 404


def test_after_an_hour_it_is_gone(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    old, young = add(uploads, ("a.jpg", made.jpeg())), add(uploads, ("a.jpg", made.jpeg()))
    (tmp_path / "somebody else's").mkdir()
    past = time.time() - 3700
    for name in (old, "somebody else's"):
        os.utime(tmp_path / name, (past, past))
    with pytest.raises(WebError, match="no such upload"):
        uploads.get(old)
    assert uploads.remove_expired() == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young, "somebody else's"])
    uploads.remove(young)
    with pytest.raises(WebError, match="no such upload"):
        uploads.get(young)


def test_a_server_removes_expired_uploads_without_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expired() -> Path:
        path = folder / "serve" / "uploads" / uuid.uuid4().hex
        path.mkdir(parents=True)
        os.utime(path, (time.time() - 3700,) * 2)
        return path

    folder = fill_gallery(tmp_path / "gallery")
    at_start = expired()
    with served(folder):
        assert not at_start.exists()
        at_end = expired()
    assert not at_end.exists()
    monkeypatch.setattr("stca.web.state._TIDY_EVERY", 0.05)
    with served(folder):
        while_running = expired()
        until = time.monotonic() + 20
        while while_running.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not while_running.exists()


def test_too_many_or_too_busy(tmp_path: Path) -> None:
    queue = DecodeQueue(at_once=1, waiting=1, patience=0.05)
    uploads = Uploads(tmp_path, queue=queue, most=1)
    with queue.turn(), pytest.raises(UploadError) as busy:
        add(uploads, ("a.jpg", made.jpeg()))
    assert (busy.value.status, list(tmp_path.iterdir())) == (503, [])
    add(uploads, ("a.jpg", made.jpeg()))
    with pytest.raises(UploadError) as full:
        add(uploads, ("a.jpg", made.jpeg()))
    assert (full.value.status, full.value.retry_after) == (503, 300)
