"""Forms as they arrive: how much, how many, how long, and what the client says of itself."""

import asyncio
import dataclasses
import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect, Request

import made_uploads as made
from stca.web.uploads import QUERY, ReceivedForm, UploadError, UploadLimits, receive_form, receiving
from stca.web.uploads.receiving import clean_label

LIMITS = dataclasses.replace(QUERY, file_bytes=100_000, bytes=200_000, files=4, seconds_to_arrive=20.0)


class Client:
    """Sends a body in parts, and counts how many were asked for."""

    def __init__(
        self, parts: Iterable[bytes], *, kind: str, length: int | None, leaves: bool, pause: float
    ) -> None:
        self._parts, self._leaves, self._pause = iter(parts), leaves, pause
        headers = [(b"content-type", kind.encode())]
        headers += [(b"content-length", str(length).encode())] if length is not None else []
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self._receive)
        self.asked = 0

    async def _receive(self) -> dict[str, object]:
        self.asked += 1
        await asyncio.sleep(self._pause)
        part = next(self._parts, None)
        if part is None and self._leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}


def send(
    folder: Path,
    parts: Iterable[bytes],
    *,
    kind: str = "multipart/form-data; boundary=xyz",
    length: int | None = None,
    leaves: bool = False,
    pause: float = 0.0,
    limits: UploadLimits = LIMITS,
) -> tuple[ReceivedForm | BaseException, Client]:
    client = Client(parts, kind=kind, length=length, leaves=leaves, pause=pause)
    try:
        return asyncio.run(receive_form(client.request, folder, limits)), client
    except Exception as error:
        return error, client


def refused(status: int, folder: Path, parts: Iterable[bytes], **options: object) -> Client:
    """It is, and nothing is left."""
    error, client = send(folder, parts, **options)  # type: ignore[arg-type]
    assert isinstance(error, UploadError), error
    assert error.status == status, error
    assert list(folder.iterdir()) == []
    return client


def in_parts(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 4096, 1_000_000])
def test_files_and_fields_arrive_whole_however_they_are_cut(tmp_path: Path, size: int) -> None:
    one, two = os.urandom(3000), b"\r\n--xyz\r\n-".join([b"a", b"b"])[:5] + b"--xy"
    body = made.form(
        [("a.jpg", one), ("b.jpg", two), ("none.jpg", b"")], [("box", "1,2,3,4"), ("whole", "ja ü")]
    )
    form, _ = send(tmp_path, in_parts(body, size))
    assert isinstance(form, ReceivedForm), form
    assert [(file.label, file.size) for file in form.files] == [("a.jpg", 3000), ("b.jpg", len(two))]
    assert [file.path.read_bytes() for file in form.files] == [one, two]
    assert form.fields == {"box": "1,2,3,4", "whole": "ja ü"}
    assert {file.path for file in form.files} == set(tmp_path.iterdir())
    assert all(file.path.stat().st_mode & 0o777 == 0o600 for file in form.files)


HOSTILE = [
    "../../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows\\system32\\evil.jpg",
    "a.jpg\\..\\..\\b.jpg",
    "..",
    "",
    "x" * 5000 + ".jpg",
    "\u202egpj.exe",
    "<img src=x onerror=alert(1)>.jpg",
    "CON",
    ".htaccess",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_label_and_never_a_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    form, _ = send(folder, [made.form([(name[:3000], b"content")])])
    assert isinstance(form, ReceivedForm), form
    (file,) = form.files
    assert file.path.parent == folder
    assert file.path.name.startswith("0001-")
    assert len(file.path.name) == 5 + 32
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_label_is_one_short_line_of_its_last_part(name: str) -> None:
    label = clean_label(name)
    assert 0 < len(label) <= 80
    assert label.isprintable()
    assert not {"/", "\\"} & set(label)
    assert label.strip(". ")


def test_labels() -> None:
    assert clean_label("holiday/My  Photo.JPG") == "My Photo.JPG"
    assert clean_label("a\x00\x1b[31m\nb.jpg") == "a [31m b.jpg"
    assert clean_label("Müller\u202e.png") == "Müller .png"
    assert clean_label("...") == "upload"


def test_an_endless_stream_is_ended_at_the_limit(tmp_path: Path) -> None:
    def endless() -> Iterable[bytes]:
        yield made.form([("a.mp4", b"")])[:-9]
        while True:
            yield bytes(16_384)

    client = refused(413, tmp_path, endless())
    assert client.asked < 100_000 / 16_384 + 4


def test_many_files_below_the_limit_of_one_are_too_much_together(tmp_path: Path) -> None:
    refused(413, tmp_path, [made.form([(f"{k}", bytes(80_000)) for k in range(3)])])


def test_a_hundred_thousand_tiny_files_end_at_the_fifth(tmp_path: Path) -> None:
    part = made.form([("a.jpg", b"x")])[: -len(b"--xyz--\r\n")]
    client = refused(413, tmp_path, (10 * part for _ in range(10_000)))
    assert client.asked < 5


def test_parts_without_end_that_are_no_files(tmp_path: Path) -> None:
    field = made.form([], [("a", "b")])[: -len(b"--xyz--\r\n")]
    refused(413, tmp_path, (field.replace(b'"a"', f'"a{k}"'.encode()) for k in range(1000)))
    same = (100 * field for _ in range(1000))
    assert refused(413, tmp_path, same).asked < 5
    refused(413, tmp_path, [made.form([("a.jpg", b"x")], [("a", "b" * 5000)])])
    nothing = (made.form([("", b"")])[: -len(b"--xyz--\r\n")] * 50 for _ in range(1000))
    assert refused(413, tmp_path, nothing).asked < 5


def test_a_stated_length_is_believed_where_it_is_too_much(tmp_path: Path) -> None:
    assert refused(413, tmp_path, [b"x"], length=10**12).asked == 0


def test_what_arrives_too_slowly(tmp_path: Path) -> None:
    limits = dataclasses.replace(LIMITS, seconds_to_arrive=0.3)
    parts = in_parts(made.form([("a.jpg", bytes(50_000))]), 1)
    client = refused(408, tmp_path, parts, pause=0.01, limits=limits)
    assert client.asked < 60


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=xyz",
    ],
)
def test_what_is_no_form(tmp_path: Path, kind: str) -> None:
    refused(400, tmp_path, [made.form([("a.jpg", b"x")])], kind=kind)


FORM = made.form([("a.jpg", bytes(1000))])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        FORM[:-9],
        FORM[:500],
        b"--xyz\r\n" + 100 * b"X-A: b\r\n" + FORM[7:],
        b"--xyz\r\nX-A: " + 100_000 * b"b" + b"\r\n" + FORM[7:],
        200_000 * b"\r\n" + FORM,
    ],
    ids=["empty", "text", "no end", "cut", "many headers", "long header", "nothing before it"],
)
def test_damaged_forms(tmp_path: Path, body: bytes) -> None:
    refused(400, tmp_path, in_parts(body, 4096))


def test_a_form_without_a_file(tmp_path: Path) -> None:
    refused(422, tmp_path, [made.form([], [("a", "b")])])


def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    form = made.form([("a.jpg", bytes(90_000)), ("b.jpg", bytes(90_000))])
    limits = dataclasses.replace(LIMITS)
    error, _ = send(tmp_path, in_parts(form[:150_000], 1000), leaves=True, limits=limits)
    assert isinstance(error, ClientDisconnect)
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        parts = in_parts(made.form([("a.jpg", bytes(90_000))]), 1000)
        client = Client(
            parts, kind="multipart/form-data; boundary=xyz", length=None, leaves=False, pause=0.005
        )
        task = asyncio.create_task(receive_form(client.request, tmp_path, LIMITS))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(receiving.os, "open", full)
    refused(503, tmp_path, [made.form([("a.jpg", b"x")])])
