"""`video.json`, which tracking writes beside a camera's `tracks.txt`: of which video, and how made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VIDEO_FILE = "video.json"


def read_video_file(folder: Path) -> dict[str, Any] | None:
    """What a camera's folder says of its video; None where there is nothing, or nothing that can be read."""
    path = folder / VIDEO_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None  # no pipe
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
