"""What tracking did with each video, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from stca.tracking.options import VideoSummary


def summary_table(done: Sequence[VideoSummary]) -> str:
    """One line per video: counts, and frames a second."""
    wide = max(len("video"), *(len(each.video) for each in done))
    heads = ("frames", "tracks", "tracklets", "crops used", "left out", "frames/s")
    rows = ["  ".join([f"{'video':<{wide}}", *heads])]
    for each in done:
        speed = f"{each.frames / each.seconds:.0f}" if each.seconds else "done before"
        cells = (each.frames, each.tracks, each.tracklets, each.used, each.left_out, speed)
        row = (f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True))
        rows.append("  ".join([f"{each.video:<{wide}}", *row]))
    return "\n".join(rows)
