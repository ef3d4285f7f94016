"""`stca watch`, which also notes when each tracklet was first told by its camera.

    python -m experiments.watch.timed cameras.toml EVENTS TOLD

TOLD gets, by tracklet, the seconds from its first box to its being told by the camera's process (`told`), and
from its newest box until then (`lag`): decoding, detecting and tracking. The rest until the event is waiting
for the network, and embedding.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from stca.watch import read_settings, watch
from stca.watch.cameras.messages import Finished, Grew


class Noting(queue.Queue):
    """Notes when a tracklet is heard of for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, dict[str, float]] = {}

    def put(self, item: Any, *args: Any, **options: Any) -> None:
        """As of any queue."""
        name, message = item
        if isinstance(message, Grew | Finished):
            now = time.monotonic()
            told = {"told": now - message.first, "lag": now - message.last}
            self.first.setdefault(f"{name}/{message.track:04d}", told)
        super().put(item, *args, **options)


def main() -> None:
    settings, events, told = sys.argv[1:]
    heard = Noting()
    made = SimpleNamespace(Queue=lambda: heard, Empty=queue.Empty)
    with mock.patch("stca.watch.watching.queue", made):
        watch(read_settings(Path(settings)), events=[events])
    Path(told).write_text(json.dumps(heard.first, indent=1) + "\n")


if __name__ == "__main__":
    main()
