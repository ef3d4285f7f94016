"""Fetching a network: resumed where it broke off, verified before it takes its name."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from stca.catalogue.folder import digest_of, file_path
from stca.catalogue.networks import Network, NetworkFile
from stca.errors import ConfigError, DownloadError
from stca.tools.files import locked
from stca.tools.progress import progress
from stca.version import __version__

_CHUNK = 1 << 18
_MOST_BYTES = 1 << 31
"""Of a file whose publisher names no size."""
_ATTEMPTS = 4
_LEAST_BYTES = 1 << 12
"""That must arrive within `patience` seconds."""


def fetch(network: Network, *, patience: float = 60.0) -> Path:
    """Fetch what is missing of a network.

    Files go to `weights_folder()`. One that broke off is resumed, by the same call or a later one. A file
    takes its name only after its SHA-256 was verified. The proxies of the environment are used
    (`https_proxy`, `no_proxy` ...); with `STCA_WEIGHTS_MIRROR` set, files come from `MIRROR/NETWORK/FILE`,
    where MIRROR begins with http://, https:// or file://.

    Args:
        network: from the catalogue.
        patience: seconds within which at least 4 KiB must arrive, and the server must answer.

    Returns:
        the file to open.

    Raises:
        DownloadError: no connection, an answer that is none, content of another size or digest, a full disk.
        ConfigError: another process is fetching the same network, or a mirror that is no address.

    """
    folder = file_path(network, network.files[0]).parent
    folder.mkdir(parents=True, exist_ok=True)
    with locked(
        folder / ".lock", taken=f"Another process is fetching {network.name}", hint="wait until it is done"
    ):
        for file in network.files:
            target = file_path(network, file)
            if not target.is_file() or digest_of(target) != file.sha256:
                _fetch_file(network, file, target, patience)
    return file_path(network, network.files[0])


def address_of(network: Network, file: NetworkFile) -> str:
    """Where a file comes from: the publisher, or the mirror.

    Raises:
        ConfigError: a mirror that is no address.

    """
    mirror = os.environ.get("STCA_WEIGHTS_MIRROR")
    if not mirror:
        return file.url
    if urlsplit(mirror).scheme not in ("http", "https", "file"):
        raise ConfigError(
            "STCA_WEIGHTS_MIRROR is no address",
            expected="http://..., https://... or file:///...",
            found=mirror,
        )
    return f"{mirror.rstrip('/')}/{quote(network.name)}/{quote(file.name)}"


def _fetch_file(network: Network, file: NetworkFile, target: Path, patience: float) -> None:
    address, part = address_of(network, file), target.with_name(f"{file.name}.part")
    problem: Exception | None = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            _pause(min(2.0 ** (attempt - 1), patience))
        try:
            _append(address, part, file, patience)
            break
        except urllib.error.HTTPError as error:
            problem = error
            if error.code not in (408, 429, 500, 502, 503, 504):
                break  # asking again changes nothing
        except (OSError, http.client.HTTPException, ValueError) as error:
            if getattr(error, "filename", None) == str(part):
                raise DownloadError(
                    "A network cannot be written to disk",
                    found=error.strerror if isinstance(error, OSError) else error,
                    where=part,
                    hint="free some space, or set STCA_WEIGHTS to another folder; the same call resumes",
                ) from error
            problem = error
    else:
        raise _unreachable(network, address, target, problem)
    if problem is not None and not _is_whole(part, file):
        raise _unreachable(network, address, target, problem)
    found = digest_of(part)
    if found != file.sha256:
        size = part.stat().st_size
        part.unlink()
        raise DownloadError(
            f"What was fetched is not {file.name} as its publisher describes it",
            expected=f"SHA-256 {file.sha256}" + (f", {file.bytes:,} bytes" if file.bytes else ""),
            found=f"SHA-256 {found}, {size:,} bytes; it was removed",
            where=address,
            hint="try again later, or another STCA_WEIGHTS_MIRROR",
        )
    part.replace(target)


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _is_whole(part: Path, file: NetworkFile) -> bool:
    return part.is_file() and part.stat().st_size == file.bytes > 0


def _append(address: str, part: Path, file: NetworkFile, patience: float) -> None:
    """Append to `part` what is missing; raises whatever the connection or the disk raises."""
    have = part.stat().st_size if part.is_file() else 0
    if file.bytes and have > file.bytes:
        part.unlink()
        have = 0
    if file.bytes and have == file.bytes:
        return
    request = urllib.request.Request(address, headers={"User-Agent": f"stca/{__version__}"})
    if have and not address.startswith("file:"):
        request.add_header("Range", f"bytes={have}-")
    try:
        # Made anew for each request: `urlopen` keeps the proxies of the first call.
        answer = urllib.request.build_opener().open(request, timeout=patience)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing behind what is there; the digest decides whether it is whole
            return
        raise
    with answer:
        if have and getattr(answer, "status", 200) != 206:
            have = 0  # this server does not resume
        try:
            out = part.open("ab" if have else "wb")
        except OSError as error:
            error.filename = str(part)
            raise
        with out:
            _copy(answer, out, part, file, have, patience)


def _copy(answer: Any, out: IO[bytes], part: Path, file: NetworkFile, have: int, patience: float) -> None:
    most = file.bytes or _MOST_BYTES
    total = -(-(most - have) // _CHUNK) if file.bytes else None
    arrived = [have]
    label = f"fetch {file.name}"
    for chunk in progress(
        _chunks(answer, patience), label=label, total=total, status=lambda: f"{arrived[0] / 1e6:.1f} MB"
    ):
        have += len(chunk)
        arrived[0] = have
        if have > most:
            out.truncate(0)
            raise DownloadError(
                f"What arrives is not {file.name} as its publisher describes it",
                expected=f"{most:,} bytes",
                found="more; it was removed",
                where=answer.geturl(),
                hint="try again later, or another STCA_WEIGHTS_MIRROR",
            )
        try:
            out.write(chunk)
            out.flush()
        except OSError as error:
            error.filename = str(part)
            raise
    if file.bytes and have < file.bytes:
        raise http.client.IncompleteRead(b"", file.bytes - have)


def _chunks(answer: Any, patience: float) -> Iterator[bytes]:
    """Pieces of the content, as long as at least `_LEAST_BYTES` arrive within every `patience` seconds."""
    begin, arrived, pending = time.monotonic(), 0, b""
    read = getattr(answer, "read1", answer.read)
    try:
        while chunk := read(_CHUNK):
            arrived += len(chunk)
            pending += chunk
            if len(pending) >= _CHUNK:
                yield pending
                pending = b""
            now = time.monotonic()
            if now - begin > patience:
                if arrived < _LEAST_BYTES:
                    raise TimeoutError(f"only {arrived} bytes in {now - begin:.0f} s")
                begin, arrived = now, 0
    except Exception:
        yield pending  # what arrived is kept: the next attempt goes on behind it
        raise
    yield pending


def _unreachable(network: Network, address: str, target: Path, problem: Exception | None) -> DownloadError:
    reason = getattr(problem, "reason", None) or problem
    return DownloadError(
        f"{network.name} cannot be fetched",
        found=f"{type(problem).__name__}: {' '.join(str(reason).split())}",
        where=address,
        hint=f"the same call resumes; without a connection: fetch that address elsewhere, save it as "
        f"{target}, then `stca weights verify {network.name}`",
    )
