"""Take the unit costs of a plan on this machine: tracking, embedding, galleries of growing size."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from stca.embedding import embed_tracklets
from stca.errors import ConfigError
from stca.footage.sources import require_distinct_cameras
from stca.gallery import Gallery, ModelFingerprint, Record
from stca.runs.open_model import open_model
from stca.scale.planning.costs import GalleryCost, TrackingCost, UnitCosts
from stca.scale.tracking import hours_of
from stca.tools.cores import cores
from stca.tools.provenance import provenance
from stca.tracking import DetectorOptions, TrackOptions, track_whole
from stca.tracklets import Tracklet
from stca.tracks import find_tracklets
from stca.walkers import make_scene

SCENE: dict[str, Any] = {"cameras": 2, "persons": 12, "seconds": 20, "height": 360, "seed": 7}
"""The rendered scene that is measured where no videos are given."""
ROWS = (10_000, 100_000)
_QUERIES = 50
_K = 10
_AT_ONCE = 10_000


@dataclass
class Spent:
    """Processor time, seconds of one core, of this process with all its threads and of finished children."""

    seconds: float = 0.0


@contextmanager
def processor_time() -> Iterator[Spent]:
    """Fills in `seconds` at the end."""
    spent, begun = Spent(), _processor_seconds()
    yield spent
    spent.seconds = _processor_seconds() - begun


def measure(
    videos: Sequence[Path] = (),
    *,
    about: str = "",
    detectors: Sequence[str] = ("motion",),
    model: str = "pretrained",
    rows: Sequence[int] = ROWS,
) -> UnitCosts:
    """Unit costs on this machine, in processor time. Takes minutes.

    Args:
        videos: footage like that to be planned for; default: a scene of two cameras is rendered.
        about: what these videos are, for people; default: their names.
        detectors: names or files.
        model: for the vectors.
        rows: sizes of galleries of synthetic vectors, with the dimension of the model.

    Raises:
        ConfigError: fewer than two sizes; videos without tracklets; two videos of one name; `about` without
            videos, or of several lines.
        StcaError: as tracking, embedding and galleries raise.

    """
    _check(videos, about, rows)
    with tempfile.TemporaryDirectory(prefix="stca-plan-") as name:
        folder = Path(name)
        if videos:
            footage = f"{len(videos)} videos given: {about or ', '.join(video.name for video in videos)}"
        else:
            videos = sorted(make_scene(folder / "scene", workers=1, **SCENE).glob("cam*/*.mp4"))
            footage = "rendered scene, " + ", ".join(f"{k} {v}" for k, v in SCENE.items())
        tracked = [_track(videos, folder / f"tracks{i}", each) for i, each in enumerate(detectors)]
        best = max(tracked, key=lambda each: each[1])
        tracks, count, crop_bytes, rate = best[2], best[1], best[3], best[4]
        if not count:
            raise ConfigError("Nobody was tracked in these videos", where=footage, hint="give other videos")
        network = open_model(model)
        cost = _embed(tracks, model)
        fingerprint = ModelFingerprint.of(network)
        galleries = _galleries(folder, fingerprint.dim, sorted(set(rows)))
    facts = provenance()
    return UnitCosts(
        machine=f"{facts['machine']}, {facts['date']}, stca {facts['stca']} {facts['commit']}, "
        f"load {os.getloadavg()[0]:.1f}",
        cores=cores(),
        footage=footage,
        frame_rate=rate,
        tracklets_per_hour=count / best[0].hours,
        crop_bytes=crop_bytes,
        model=fingerprint.name,
        dim=fingerprint.dim,
        embed_core_seconds=cost,
        tracking=tuple(each[0] for each in tracked),
        gallery=galleries,
    )


def _check(videos: Sequence[Path], about: str, rows: Sequence[int]) -> None:
    """Raise ConfigError for what `measure` cannot do."""
    if len(set(rows)) < 2 or min(rows) < 1000:
        raise ConfigError(
            "Growth needs galleries of two sizes, of at least 1,000 tracklets", found=list(rows)
        )
    if about and not (videos and about.isprintable()):
        raise ConfigError("What is said about footage is one line, and needs --footage", found=repr(about))
    require_distinct_cameras(videos, hint="give the videos other names")


def _track(videos: Sequence[Path], out: Path, detector: str) -> tuple[TrackingCost, int, Path, float, float]:
    """Cost, number of tracklets, their folder, bytes of a tracklet's folder, frame rate."""
    options = TrackOptions(detector=detector, detector_options=DetectorOptions(device="cpu"))
    track_whole(videos[0], out / "first", options)  # what is loaded once for many hours is not counted
    shutil.rmtree(out / "first")
    with processor_time() as spent:
        done = [track_whole(video, out, options) for video in videos]
    hours = sum(hours_of(each.folder) for each in done)
    count = sum(each.tracklets for each in done)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    rate = sum(each.frames for each in done) / (hours * 3600)
    return TrackingCost(detector, spent.seconds / hours, hours), count, out, size / max(1, count), rate


def _embed(tracks: Path, model: str) -> float:
    """Processor seconds of a tracklet; the second of two runs, since the first also warms up."""
    rows = [Tracklet(found.frames, 0, 0, found.key) for found in find_tracklets(tracks)]
    network = open_model(model)
    for _ in range(2):
        with processor_time() as spent:
            embed_tracklets(network, rows, device="cpu", precision="float32", workers=0, label="")
    return spent.seconds / len(rows)


def _galleries(folder: Path, dim: int, sizes: Sequence[int]) -> tuple[GalleryCost, ...]:
    costs = []
    for rows in sizes:
        print(f"gallery of {rows:,} vectors", file=sys.stderr)
        costs.append(_gallery(folder / f"gallery{rows}", dim, rows))
        gc.collect()
    return tuple(costs)


def _gallery(folder: Path, dim: int, rows: int) -> GalleryCost:
    vectors = likeness(rows + _QUERIES, dim)
    queries = vectors[rows:]
    nearest = _exact(queries, vectors[:rows])
    before = _memory()
    with Gallery.open(folder, model=ModelFingerprint.bare(dim)) as gallery:
        with processor_time() as adding:
            for start in range(0, rows, _AT_ONCE):
                part = range(start, min(start + _AT_ONCE, rows))
                records = [Record(str(i), f"cam{i % 8}", float(i), i + 5.0) for i in part]
                gallery.add(records, vectors[part.start : part.stop])
        with processor_time() as indexing:
            gallery.refresh()
            gallery.search(queries[0], _K)
        # What the allocator had kept from before is used again unseen, so no less than the vectors.
        held = max(_memory() - before, vectors[:rows].nbytes)
        found = 0
        with processor_time() as searching:
            for query, right in zip(queries, nearest, strict=True):
                found += len({int(hit.key) for hit in gallery.search(query, _K)} & right)
        size = gallery.stats().bytes_on_disk or 0  # a folder's is always known
    return GalleryCost(
        rows=rows,
        add_seconds=adding.seconds,
        index_seconds=indexing.seconds,
        search_milliseconds=1000 * searching.seconds / _QUERIES,
        recall=found / (_K * _QUERIES),
        disk_bytes=size,
        memory_bytes=held,
    )


def likeness(count: int, dim: int, *, seed: int = 0) -> Float32[np.ndarray, "N D"]:
    """Unit vectors of people with eight tracklets on average; variance falls from direction to direction."""
    rng = np.random.default_rng(seed)
    deviation = (1 / np.sqrt(1 + np.arange(dim) / 8)).astype(np.float32)
    people = rng.integers(0, max(1, count // 8), count)
    centres = deviation * rng.standard_normal((max(1, count // 8), dim), dtype=np.float32)
    found = np.empty((count, dim), dtype=np.float32)
    for start in range(0, count, _AT_ONCE):
        part = people[start : start + _AT_ONCE]
        rows = centres[part] + 0.7 * deviation * rng.standard_normal((len(part), dim), dtype=np.float32)
        found[start : start + len(part)] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def _exact(queries: Float32[np.ndarray, "Q D"], rows: Float32[np.ndarray, "N D"]) -> list[set[int]]:
    """The ten nearest rows of every query, in blocks."""
    best = np.full((len(queries), 0), 0, dtype=np.int64)
    scores = np.zeros((len(queries), 0), dtype=np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        block = queries @ rows[start : start + _AT_ONCE].T
        scores = np.concatenate([scores, block], axis=1)
        best = np.concatenate(
            [best, np.broadcast_to(np.arange(start, start + block.shape[1]), block.shape)], axis=1
        )
        order = np.argsort(-scores, axis=1, kind="stable")[:, :_K]
        scores, best = np.take_along_axis(scores, order, 1), np.take_along_axis(best, order, 1)
    return [set(map(int, row)) for row in best]


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _memory() -> int:
    """Anonymous memory of this process in bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)
