"""Addresses of galleries on Milvus."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from stca.errors import GalleryError

SCHEMES = ("milvus", "milvus+tls")
CONSISTENCY = {"strong": "Strong", "bounded": "Bounded", "session": "Session", "eventually": "Eventually"}
ACKNOWLEDGE = ("flush", "log")
PASSWORD = "STCA_MILVUS_PASSWORD"
_LITE_NAME = "gallery"
_EXPECTED = "milvus://host:19530/name, milvus+tls://user:password@host:19530/name or milvus:///folder/file.db"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gallery on Milvus is, and how it is read and written.

    Args:
        uri: of the server, as pymilvus takes it, or the path of a Milvus Lite file.
        name: of the gallery: letters, digits and underscores.
        user: empty: the server asks for none.
        password: likewise; never shown.
        database: of the server; empty: its default.
        consistency: of searches and other reads: one of `CONSISTENCY`. Writers always read strongly.
        acknowledge: "flush": `add` returns when the rows are in Milvus's object store; "log": when they are
            in its write-ahead log.
        timeout: seconds that one request may take.

    """

    uri: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    consistency: str = "strong"
    acknowledge: str = "flush"
    timeout: float = 30.0

    @property
    def is_lite(self) -> bool:
        """Whether it is a file of Milvus Lite."""
        return "://" not in self.uri

    def __str__(self) -> str:
        if self.is_lite:
            return f"milvus://{self.uri}"
        scheme, _, host = self.uri.partition("://")
        user = f"{self.user}@" if self.user else ""
        return f"{'milvus+tls' if scheme == 'https' else 'milvus'}://{user}{host}/{self.name}"


def is_address(place: Path | str) -> bool:
    """Whether a gallery's place is an address of ours and not a folder.

    Raises:
        GalleryError: an address of another kind, or one that went through `Path`, which takes slashes away.

    """
    text = str(place)
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", text):
        return False
    if isinstance(place, Path):
        raise GalleryError(
            "An address of a gallery was given as a path",
            expected="it as text (str)",
            found=without_user(text),
        )
    if text.partition("://")[0] not in SCHEMES:
        raise GalleryError(
            "There is no engine for this address",
            expected=f"a folder, {_EXPECTED}",
            found=without_user(text),
        )
    return True


def without_user(text: str) -> str:
    """An address as it may be printed, even one that cannot be parsed: without what is before its last @."""
    return re.sub(r"(:/+).*@", r"\1...@", text, flags=re.DOTALL)


def parse_address(text: str) -> Address:
    """Parse an address; options follow a question mark: `?consistency=bounded&acknowledge=log&timeout=60`.

    The password is taken from the environment variable STCA_MILVUS_PASSWORD if a user is named without one.

    Raises:
        GalleryError: not an address, or an option that does not exist.

    """
    shown = without_user(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, 19530 if parts.port is None else parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _not_an_address(shown) from None  # the error's own text may hold a part of the password
    if (
        port == 0
        or parts.scheme not in SCHEMES
        or text.partition("://")[0] != parts.scheme
        or "@" in text.partition("://")[2].removeprefix(parts.netloc)
    ):
        raise _not_an_address(shown)
    chosen = _options(options, shown)
    if host is None:
        path = Path(unquote(parts.path))
        if parts.scheme != "milvus" or path.suffix != ".db" or parts.fragment:
            raise _not_an_address(shown)
        return Address(uri=str(path), name=_LITE_NAME, **chosen)
    name = parts.path.removeprefix("/")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name) or parts.fragment:
        raise GalleryError(
            "A gallery on Milvus needs a name",
            expected=f"letters, digits and underscores: {_EXPECTED}",
            found=shown,
        )
    user = unquote(parts.username or "")
    password = unquote(parts.password or "") or (os.environ.get(PASSWORD, "") if user else "")
    if not (user + password).isprintable() or any("\ud800" <= sign <= "\udfff" for sign in user + password):
        raise _not_an_address(shown)
    scheme = "https" if parts.scheme == "milvus+tls" else "http"
    where = f"[{host}]" if ":" in host else host
    return Address(uri=f"{scheme}://{where}:{port}", name=name, user=user, password=password, **chosen)


def _not_an_address(shown: str) -> GalleryError:
    hint = "in a user's name or password, write every sign but letters and digits as %XX: # is %23, / is %2F"
    return GalleryError(
        "Not an address of a gallery",
        expected=_EXPECTED,
        found=shown,
        hint=hint if "@" in shown else None,
    )


def _options(given: dict[str, str], shown: str) -> dict[str, Any]:
    valid = {"consistency": tuple(CONSISTENCY), "acknowledge": ACKNOWLEDGE}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name == "timeout" and re.fullmatch(r"\d{1,6}(\.\d+)?", value) and float(value) > 0:
            found[name] = float(value)
        elif (name == "database" and value) or value in valid.get(name, ()):
            found[name] = value
        else:
            expected = "; ".join(f"{option}={'|'.join(values)}" for option, values in valid.items())
            raise GalleryError(
                "An option of this gallery's address does not exist",
                expected=f"{expected}; timeout=SECONDS; database=NAME",
                found=f"{name}={value}",
                where=shown,
            )
    return found
