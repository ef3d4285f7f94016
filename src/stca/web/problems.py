"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path, PurePath
from typing import Any

from stca.errors import (
    ConfigError,
    DatasetError,
    FrameError,
    GalleryBusyError,
    GalleryError,
    GalleryFileError,
    StcaError,
)
from stca.gallery.milvus.address import Address

MEDIA_TYPE = "application/problem+json"
_RETRY = 10
"""Seconds after which to try again where nothing better is known."""
_PLACE = re.compile(r"(?<![\w.:/~…-])/(?!api/|media/|static/)(?:[^\s/'\"`:;,()]+/)+([^\s/'\"`:;,()]*)")
"""An absolute path of at least two parts that is no address of the server's."""
_OPTION = re.compile(r"(?<![\w-])--[a-z]")


class WebError(StcaError):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        retry_after: seconds after which the client may try again.
        others: as of `StcaError`.

    """

    def __init__(self, what: str, *, status: int, retry_after: int | None = None, **others: Any) -> None:
        super().__init__(what, **others)
        self.status, self.retry_after = status, retry_after


def not_found(what: str, **others: Any) -> WebError:
    """The thing that an address names does not exist."""
    return WebError(what, status=404, **others)


def renumbered(found: object) -> WebError:
    """A page or a search has numbers of persons that are others by now."""
    return WebError(
        "People were numbered anew since this page was made",
        status=409,
        found=found,
        hint="nothing was changed; open the person again and repeat it",
    )


def status_of(error: StcaError) -> int:
    """The HTTP status of an error.

    Its own; else 503 where a file is locked or the disk full, 422 for what the request asked, and 500 for
    the rest, damaged files among them.
    """
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status
    if isinstance(error, GalleryFileError):
        return 503 if isinstance(error, GalleryBusyError) else 500
    return 422 if isinstance(error, GalleryError | ConfigError | FrameError | DatasetError) else 500


def retry_after(error: StcaError) -> int | None:
    """Seconds after which a client may try again; None: not said."""
    seconds = getattr(error, "retry_after", None)
    return _RETRY if seconds is None and isinstance(error, GalleryBusyError) else seconds


def without_places(text: str, folders: Iterable[Path]) -> str:
    """A text that names the server's files without saying where they are.

    Args:
        text: of an error.
        folders: of the server; of other absolute paths the last part is left, if they have no spaces.

    """
    names = {str(form): folder.name for folder in folders for form in (folder.absolute(), folder.resolve())}
    for place in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(place) + r"(?![\w-])", lambda _, name=names[place]: name, text)  # type: ignore[misc]
    return _PLACE.sub(r"\1", text)


def problem_of(error: StcaError, *, instance: str, folders: Iterable[Path] = ()) -> dict[str, Any]:
    """The problem details of an error.

    The place of a file on the server is left out: it is nobody's business who asks over the network. So is
    the library's hint at an option of the command line where the request was wrong: they have none.

    Args:
        error: what happened.
        instance: path of the request.
        folders: of the server, which no answer may name.

    """

    def words(value: object) -> str | None:
        if value is None:
            return None
        return value.name if isinstance(value, PurePath | Address) else without_places(str(value), folders)

    folders = tuple(folders)
    status = status_of(error)
    expected, found = words(error.expected), words(error.found)
    hint = words(error.hint)
    if hint and status == HTTPStatus.UNPROCESSABLE_ENTITY and not isinstance(error, WebError):
        hint = None if _OPTION.search(hint) else hint
    detail = [f"expected: {expected}"] if expected else []
    detail += [f"found: {found}"] if found else []
    return problem(
        status,
        title=words(error.what),
        detail="; ".join(detail) or None,
        instance=instance,
        hint=hint,
    )


def problem(
    status: int,
    *,
    instance: str,
    title: str | None = None,
    detail: str | None = None,
    hint: str | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Problem details; entries that are None are left out."""
    content = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "hint": hint,
        "errors": errors,
    }
    return {name: value for name, value in content.items() if value is not None}
