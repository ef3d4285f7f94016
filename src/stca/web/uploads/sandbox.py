"""Take rights away from this process: network, memory, processor time, files. For Linux; less elsewhere.

Processes that decode files of strangers do so before they open the first one. It needs no rights itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from stca.web.uploads.limits import UploadLimits

NAMESPACE = "none: a network namespace of its own"
PROTOCOLS = "only files are opened: this system allows no network namespace"
"""What keeps a decoding process from the network; said in the server's log, the latter as a warning."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_PROCESSORS, _PROCESSES = 2, 16


def isolate_network(*, user_namespace: bool = True) -> str:
    """Leave the network: in a namespace of its own, a process has no interface that is up, not even loopback.

    Args:
        user_namespace: whether to go into another user namespace where only that allows it. The process
            must have a single thread then, and its user has no name any more.

    Returns:
        `NAMESPACE`, or `PROTOCOLS` where the system does not allow it (it then has the network, and only
        the list of protocols that videos are opened by keeps FFmpeg from it).

    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)[: 1 + user_namespace]:
            if library.unshare(flags) == 0:
                return NAMESPACE
    return PROTOCOLS


def end_with_parent(parent: int) -> None:
    """Make the system kill this process when the one that started it ends; end now if it has ended already.

    Args:
        parent: its process id.

    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(limits: UploadLimits) -> None:
    """Bound this process: memory beyond what it has now, processor time, files, written bytes, processes."""
    _limit(limits.processor_seconds, limits.memory, limits.written_bytes, limits.open_files)
    if _alone_in_its_user_namespace():  # elsewhere, all processes of the user would count
        _limit_one("RLIMIT_NPROC", _PROCESSES)
    if hasattr(os, "sched_setaffinity"):  # libraries start a thread for every processor
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_PROCESSORS])


def limit_tracking(frames: Sequence[int | None], gallery: Path | None, *, gpu: bool) -> None:
    """Bound this process, which has opened its model, before it tracks uploaded videos.

    Processor time is by the length that the videos claim, which was checked: 600 s, and 2 s for each frame.
    Memory is 4 GiB beyond the present; no file grows by more than 1 GiB, the gallery's own neither.

    Args:
        frames: of the videos; None: unknown, counted as an hour.
        gallery: its folder; None on Milvus.
        gpu: whether the network runs on a GPU, whose driver maps far more memory than it uses: no limit.

    """
    files = [path for path in gallery.glob("*") if path.is_file()] if gallery else []
    largest = max((path.stat().st_size for path in files), default=0)
    seconds = 600.0 + sum(2.0 * (90_000 if count is None else count) for count in frames)
    _limit(seconds, None if gpu else 4 << 30, largest + (1 << 30), 256)


def _limit(seconds: float, memory: int | None, written: int, files: int) -> None:
    """Processor time from now on, memory beyond the present (None: no limit), bytes of a file, open files."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit_one("RLIMIT_CPU", math.ceil(used.ru_utime + used.ru_stime + seconds))
    if memory is not None:
        _limit_one("RLIMIT_AS", _address_space() + memory)
    _limit_one("RLIMIT_FSIZE", written)
    _limit_one("RLIMIT_NOFILE", files)
    _limit_one("RLIMIT_CORE", 0)


def _limit_one(name: str, most: int) -> None:
    import resource

    kind = getattr(resource, name, None)
    if kind is None:
        return
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # a system that has the limit but does not keep it
        resource.setrlimit(kind, (most, most))


def _alone_in_its_user_namespace() -> bool:
    """After `isolate_network` without root's rights: a new namespace, in which no user has a name."""
    with contextlib.suppress(OSError):
        return not Path("/proc/self/uid_map").read_text().strip()
    return False


def _address_space() -> int:
    """Bytes of address space that this process has."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 1 << 30
