"""Calls to Milvus: a time limit for each, and its errors as GalleryErrors that say what to do."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stca.errors import GalleryBusyError, GalleryError, GalleryFileError, first_line
from stca.gallery.milvus.address import CONSISTENCY, Address
from stca.gallery.milvus.pymilvus_import import import_pymilvus, release_lite, require_lite

STRONG = "Strong"
MOST_HITS = 16_384
"""Milvus's limit on the results of one search."""

_ABSENT = (
    "deadline",
    "unavailable",
    "fail connecting",
    "timeout",
    "timed out",
    "connection",
    "closed channel",
)
_NO_ROOM = ("no space left", "quota exceed", "quota exhaust", "disk quota", "memory quota", "force deny")
_NOT_ALLOWED = ("auth check failure", "unauthenticated", "permission", "privilege")


@contextmanager
def milvus_errors(where: object) -> Iterator[None]:
    """Raise errors of pymilvus and gRPC as GalleryErrors.

    Raises:
        GalleryBusyError: the server does not answer in time, or has no room.
        GalleryFileError: any other refusal.
        GalleryError: the server does not accept the user; a name is not valid UTF-8.

    """
    pymilvus = import_pymilvus()
    import grpc

    try:
        yield
    except UnicodeEncodeError as error:
        raise GalleryError("A name is not valid UTF-8", found=ascii(error.object), where=where) from error
    except (pymilvus.MilvusException, grpc.RpcError, grpc.FutureTimeoutError, OSError) as error:
        raise _translated(error, where) from error


def _translated(error: Exception, where: object) -> GalleryError:
    text = getattr(error, "message", "") or first_line(error)
    low = str(error).lower()
    if any(word in low for word in _NO_ROOM):
        return GalleryBusyError(
            "The Milvus server has no room",
            found=text,
            where=where,
            hint="make room on its disk or raise its quota; everything acknowledged so far is kept",
        )
    if any(word in low for word in _NOT_ALLOWED):
        return GalleryError("The Milvus server does not let this user do that", found=text, where=where)
    if "open local milvus" in low:
        return GalleryBusyError(
            "This Milvus Lite file cannot be opened",
            expected="that no other process has it open",
            where=where,
            hint="wait until it is done; several processes at a time need a Milvus server",
        )
    if any(word in low for word in _ABSENT) or isinstance(error, OSError):
        return GalleryBusyError(
            "The Milvus server does not answer",
            found=text,
            where=where,
            hint="is it running, and is the address right? everything acknowledged is kept: repeat the call",
        )
    return GalleryFileError("The Milvus server refused a request", found=text, where=where)


_open_files: Counter[str] = Counter()
"""How many connections of this process use a Milvus Lite file; the last one lets others have it."""


class Connection:
    """One client of a server, or of a Milvus Lite file; thread-safe.

    Raises:
        GalleryError: pymilvus or Milvus Lite is not installed; as `milvus_errors`.

    """

    def __init__(self, address: Address) -> None:
        self.address = address
        pymilvus = import_pymilvus()
        self._file = str(Path(address.uri).absolute()) if address.is_lite else ""
        if address.is_lite:
            require_lite()
            Path(address.uri).absolute().parent.mkdir(parents=True, exist_ok=True)
        with milvus_errors(address):
            self._client = pymilvus.MilvusClient(
                uri=self._file if address.is_lite else address.uri,
                user=address.user,
                password=address.password,
                db_name=address.database,
                timeout=address.timeout,
            )
        self.types = pymilvus.DataType
        if address.is_lite:
            _open_files[self._file] += 1
        self._local = threading.local()

    @property
    def consistency(self) -> str:
        """Of reads: the address's, or strong within `strongly`."""
        return STRONG if getattr(self._local, "strong", False) else CONSISTENCY[self.address.consistency]

    @contextmanager
    def strongly(self) -> Iterator[None]:
        """Reads of this thread see every write that was acknowledged to anybody."""
        before = getattr(self._local, "strong", False)
        self._local.strong = True
        try:
            yield
        finally:
            self._local.strong = before

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Requests of this thread may take so long at most."""
        self._local.seconds = seconds
        try:
            yield
        finally:
            self._local.seconds = math.inf

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of `MilvusClient`."""
        options.setdefault("timeout", min(self.address.timeout, getattr(self._local, "seconds", math.inf)))
        with milvus_errors(self.address):
            return getattr(self._client, method)(*args, **options)

    def query(self, collection: str, expression: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        """All rows that an expression selects, in no order."""
        found = self.call(
            "query",
            collection,
            filter=expression,
            output_fields=list(fields),
            consistency_level=self.consistency,
        )
        return list(found)

    def count(self, collection: str) -> int:
        """Number of rows."""
        return int(self.query(collection, "", ["count(*)"])[0]["count(*)"])

    def pages(
        self, collection: str, fields: Sequence[str], *, size: int, partition: str | None
    ) -> Iterator[list[dict[str, Any]]]:
        """All rows (of a partition) in the order of their primary key, in pages read when asked for."""
        iterator = self.call(
            "query_iterator",
            collection,
            batch_size=size,
            output_fields=list(fields),
            partition_names=None if partition is None else [partition],
            consistency_level=self.consistency,
        )
        try:
            while True:
                with milvus_errors(self.address):
                    page = iterator.next()
                if not page:
                    return
                yield list(page)
        finally:
            iterator.close()

    def index(self, collection: str, indexes: dict[str, dict[str, Any]]) -> None:
        """Make indexes by field, where there is none: the keywords of `add_index`.

        The server makes them in its own time.
        """
        there = set(self.call("list_indexes", collection))
        for field, options in indexes.items():
            if field in there:
                continue
            wanted = self._client.prepare_index_params()
            wanted.add_index(field, **options)
            self.call("create_index", collection, wanted, sync=False)

    def wait_for_index(self, collection: str, field: str) -> None:
        """Wait, for as long as it takes, until all rows are in an index.

        Raises:
            GalleryFileError: the server cannot make it.

        """
        while True:
            found = self.call("describe_index", collection, field)
            if found.get("state") == "Failed":
                raise GalleryFileError(
                    "The Milvus server cannot make an index",
                    found=found.get("index_state_fail_reason"),
                    where=self.address,
                )
            if found.get("state") == "Finished" and not int(found.get("pending_index_rows", 0)):
                return
            time.sleep(0.5)

    def close(self) -> None:
        """Close the client."""
        with milvus_errors(self.address):
            self._client.close()
        if self._file:
            _open_files[self._file] -= 1
            if not _open_files[self._file]:
                release_lite(self._file)
