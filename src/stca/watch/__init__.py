"""`stca watch`: many cameras at once, the same person across them as they walk, and events of it.

`settings` reads cameras.toml. Each of `cameras` is followed by a process of its own: `cameras.source` gives
its frames as they come, `cameras.following` tracks them. `watching` is the loop that all cameras feed:
tracklets (`current`) are embedded in shared batches while they are still walking, `people` decides who they
are, and `events` says it and keeps it on disk until everybody has taken it.
"""

from stca.watch.settings import CameraSettings, WatchSettings, read_settings
from stca.watch.watching import watch

__all__ = ["CameraSettings", "WatchSettings", "read_settings", "watch"]
