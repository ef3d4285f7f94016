"""`stca watch`: many cameras at once, the same person across them as they walk, and events of it.

`settings` reads cameras.toml. Each of `cameras` is followed by a process of its own: `cameras.source` gives
its frames as they come, `cameras.following` tracks them. `watching` is the loop that all cameras feed:
tracklets (`current`) are embedded in shared batches while they are still walking, `people` decides who they
are, and `events` says it and keeps it on disk until everybody has taken it.

The names below are imported when they are first used: a server that only reads `events` needs no loop.
"""

import typing

from stca.tools.lazy_imports import lazy_names

if typing.TYPE_CHECKING:
    from stca.watch.settings import CameraSettings, WatchSettings, read_settings
    from stca.watch.watching import watch

_HOMES = {
    **dict.fromkeys(("CameraSettings", "WatchSettings", "read_settings"), "stca.watch.settings"),
    "watch": "stca.watch.watching",
}

__getattr__ = lazy_names(__name__, _HOMES)

__all__ = ["CameraSettings", "WatchSettings", "read_settings", "watch"]
