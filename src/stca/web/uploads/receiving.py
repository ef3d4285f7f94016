"""Receive a form with files, within bounds that hold while it arrives."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from stca.web.uploads.limits import UploadError, UploadLimits

LABEL_LENGTH = 80
MOST_FIELDS, FIELD_BYTES = 32, 4096
_ROOM = 65536
"""Bytes of a form that may be neither files nor fields: boundaries and headers."""
_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Received:
    """A file that arrived.

    Args:
        path: random name in the folder.
        label: what the client calls it, cleaned: to be shown as text, never a path.
        size: in bytes.

    """

    path: Path
    label: str
    size: int


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form that arrived.

    Args:
        files: in the order of the form; empty files and those without a name are left out.
        fields: its other entries; the last one of a name.

    """

    files: list[Received]
    fields: Mapping[str, str]


async def receive(request: Request, folder: Path, limits: UploadLimits) -> list[Received]:
    """As `receive_form`, only the files.

    Raises:
        UploadError: as there, or no file is in it.

    """
    return (await receive_form(request, folder, limits)).files


async def receive_form(request: Request, folder: Path, limits: UploadLimits) -> ReceivedForm:
    """Write the files of a multipart form into a folder, counting while they arrive.

    When anything fails, also when the client goes away, the files are removed.

    Args:
        request: whose body was not read yet.
        folder: an existing one, of this upload alone.
        limits: how much, how many, how long.

    Raises:
        UploadError: no multipart form, or a damaged one (400), too much (413), too slow (408), a full disk
            (503), no file (422).
        starlette.requests.ClientDisconnect: the client went away.

    """
    form = _Form(folder, limits, _boundary(request))
    try:
        _refuse_stated_length(request, limits)
        async with asyncio.timeout(limits.seconds_to_arrive):
            async for data in request.stream():
                form.feed(data)
                if form.waiting >= _BUFFER:
                    await asyncio.to_thread(form.write)
            await asyncio.to_thread(form.finish)
    except BaseException as error:
        form.discard()
        if isinstance(error, TimeoutError):
            raise UploadError(
                "The upload took too long",
                status=408,
                expected=f"at most {limits.seconds_to_arrive:g} s",
                hint="a faster connection, or a shorter video",
            ) from error
        if isinstance(error, FormParserError):
            raise UploadError("This is no proper form", status=400, found=str(error)[:200]) from error
        if isinstance(error, OSError):
            raise UploadError(
                "The upload cannot be kept",
                status=503,
                found=error.strerror,
                hint="ask who runs the server for room on its disk",
            ) from error
        raise
    return ReceivedForm(form.files, form.fields)


def clean_label(name: str) -> str:
    """A file name as a text to be shown: its last part, without control characters, 80 characters at most."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    visible = (
        c if unicodedata.category(c)[0] not in "CZ" else " " for c in unicodedata.normalize("NFC", last)
    )
    text = " ".join("".join(visible).split())
    if len(text) > LABEL_LENGTH:
        text = f"{text[: LABEL_LENGTH - 9]}…{text[-8:]}"
    return text if text.strip(". ") else "upload"


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UploadError(
            "An upload is a form with files", status=400, expected="multipart/form-data with a boundary"
        )
    return options[b"boundary"]


def _refuse_stated_length(request: Request, limits: UploadLimits) -> None:
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:20]) > limits.bytes + _ROOM + MOST_FIELDS * FIELD_BYTES:
        raise _too_much("bytes", limits.bytes)


def _too_much(what: str, most: int) -> UploadError:
    return UploadError(
        "The upload is too large",
        status=413,
        expected=f"at most {most:,} {what}",
        hint="fewer or smaller files",
    )


@dataclass(slots=True)
class _Part:
    """The entry of a form that is arriving."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    label: str | None = None  # of a file; None: a field
    path: Path | None = None
    size: int = 0


class _Form:
    """Parses a form; what belongs to files is buffered until `write`."""

    def __init__(self, folder: Path, limits: UploadLimits, boundary: bytes) -> None:
        self.files: list[Received] = []
        self.fields: dict[str, str] = {}
        self.waiting = 0  # bytes to be written
        self._folder, self._limits = folder, limits
        self._all = self._overhead = self._entries = 0
        self._complete = self._discarded = False
        self._writing = threading.Lock()
        self._made: list[Path] = []
        self._queue: list[tuple[Path, bytes]] = []
        self._part = _Part()
        self._field = bytearray()
        self._header = bytearray(), bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        before = self._all
        self._parser.write(data)
        self._overhead += len(data) - (self._all - before)
        if self._overhead > _ROOM + 1024 * self._entries:
            raise UploadError("This is no proper form", status=400, found="too much beside its files")

    def write(self) -> None:
        """Write what is buffered."""
        with self._writing:
            for path, data in self._queue:
                if self._discarded:
                    return
                new = path not in self._made
                if new:
                    self._made.append(path)
                mode = os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_EXCL if new else 0)
                with open(os.open(path, mode, 0o600), "wb") as file:  # noqa: PTH123 (of a descriptor)
                    file.write(data)
            self._queue, self.waiting = [], 0

    def finish(self) -> None:
        """Write the rest; the form must have come to its end, with a file in it."""
        self._parser.finalize()
        self.write()
        if not self._complete:
            raise UploadError("This is no proper form", status=400, found="it breaks off")
        if not self.files:
            raise UploadError("No file was uploaded", status=422, expected="a picture, a video or a zip")

    def discard(self) -> None:
        """Remove the files."""
        with self._writing:  # in a thread, which goes on when the request is cancelled
            self._discarded = True
            for path in self._made:
                path.unlink(missing_ok=True)

    def _begin(self) -> None:
        self._entries += 1
        if self._entries > self._limits.files + MOST_FIELDS:
            raise _too_much("files", self._limits.files)
        self._part = _Part()

    def _end_header(self) -> None:
        name, value = self._header
        self._part.headers[bytes(name).lower()] = bytes(value)
        self._header = bytearray(), bytearray()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition"))
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            if len(self.files) >= self._limits.files:
                raise _too_much("files", self._limits.files)
            self._part.label = clean_label(options[b"filename"].decode("utf-8", "replace"))
            self._part.path = self._folder / f"{len(self.files) + 1:04d}-{secrets.token_hex(16)}"
        elif len(self.fields) >= MOST_FIELDS:
            raise _too_much("fields", MOST_FIELDS)
        self._field.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, size = self._part, end - start
        part.size += size
        self._all += size
        if self._all > self._limits.bytes:
            raise _too_much("bytes", self._limits.bytes)
        if part.path is None:
            if part.size > FIELD_BYTES:
                raise _too_much("bytes in a field", FIELD_BYTES)
            self._field.extend(data[start:end])
            return
        if part.size > self._limits.file_bytes:
            raise _too_much("bytes in a file", self._limits.file_bytes)
        self._queue.append((part.path, data[start:end]))
        self.waiting += size

    def _end(self) -> None:
        part = self._part
        if part.path is None:
            self.fields[part.name] = self._field.decode("utf-8", "replace")
        elif part.size:
            self.files.append(Received(part.path, part.label or "upload", part.size))

    def _finished(self) -> None:
        self._complete = True
