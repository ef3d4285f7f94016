"""Whether the gallery that `stca watch` leaves is the one that `stca track` and `stca gallery add` make."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stca.gallery import Gallery


def compare(videos: Sequence[Path], out: Path, *, detector: str, every: int, model: str) -> str:
    """Three comparisons of `out/gallery`, in words.

    With a gallery of `out/tracks`, the tracklets as they were watched; with one of the videos tracked again
    as files, whose tracklets are others where frames were dropped while they were played; and of its persons
    with the last that was said.
    """
    work = out / "files"
    shutil.rmtree(work, ignore_errors=True)
    for video in videos:
        track = ["--out", str(work / "tracks"), "--detector", detector, "--every", str(every)]
        _run("track", str(video), *track)
    lines = []
    for name, tracks in (("of the same tracks", out / "tracks"), ("tracked as files", work / "tracks")):
        gallery = work / f"gallery {name}"
        _run("gallery", "add", str(gallery), str(tracks), "--model", model)
        lines.append(f"{name}: {_beside(out / 'gallery', gallery)}")
    return "\n".join([*lines, f"persons other than the last said: {_unsaid(out)}"])


def beside(out: Path, suffix: str) -> Path:
    """A run's file beside its folder, whose name may hold dots."""
    return out.with_name(out.name + suffix)


def _run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stca", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def _beside(live: Path, other: Path) -> str:
    """How many tracklets have the same crops, and how alike their vectors are."""
    with Gallery.open(live) as mine, Gallery.open(other) as theirs:
        a, b = _by_content(mine), _by_content(theirs)
    both = sorted(a.keys() & b.keys())
    least = min((float(a[content] @ b[content]) for content in both), default=float("nan"))
    return (
        f"{len(a)} tracklets here, {len(b)} there, {len(both)} with byte for byte the same crops, "
        f"whose vectors have a cosine of at least {least:.6f}"
    )


def _by_content(gallery: Gallery) -> dict[tuple[str, str], np.ndarray]:
    records, vectors = gallery.table()
    return {
        (record.camera, str(record.content)): vector for record, vector in zip(records, vectors, strict=True)
    }


def _unsaid(out: Path) -> int:
    """How many tracklets are of another person in the gallery than was said last."""
    person: dict[str, int | None] = {}
    for line in beside(out, ".jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["kind"] in ("seen", "revised"):  # what tracking joined to another is said of that one
            person[event.get("into") or event["tracklet"]] = event["person"]
    with Gallery.open(out / "gallery") as gallery:
        return sum(person.get(record.key) != record.person for record in gallery.records())
