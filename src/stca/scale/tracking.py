"""`stca track --engine ray`: every video is tracked by some process of the cluster, into one folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stca.boxes import read_video_file
from stca.errors import ConfigError
from stca.footage.sources import camera_name, require_distinct_cameras
from stca.runs.gallery_model import open_encoder
from stca.runs.open_model import open_model
from stca.scale.attempts import Attempts
from stca.scale.cluster import Do, Outcome, connected, follow, keep_open, run
from stca.scale.places import Place, find_videos, local_copy
from stca.tools.onnx_providers import devices_to_try
from stca.tracking import TrackOptions, VideoSummary, track_whole
from stca.tracking.detectors.detect import AUTO

ATTEMPTS = ".attempts"


@dataclass(frozen=True, slots=True)
class TrackTask:
    """Track one video after the other.

    Args:
        out: the folder of all cameras; all machines see it under this path.
        options: how to track.
        appearance: name of the network that says where a track changes its person.

    """

    out: Path
    options: TrackOptions
    appearance: str | None = None

    def open(self) -> Do:
        """Open the network once; it stays open until the process ends."""
        encoder = None
        if self.appearance:
            encoder = keep_open(open_encoder(open_model(self.appearance)))

        def track(address: str) -> dict[str, Any]:
            with local_copy(address) as path:
                summary = track_whole(
                    path, self.out, self.options, encoder=encoder, folder_name=camera_name(path)
                )
            facts = dataclasses.asdict(summary) | {"folder": str(summary.folder)}
            return facts | {"hours": hours_of(summary.folder, every=self.options.every)}

        return track


def track_on_ray(
    places: Sequence[str],
    out: Path,
    options: TrackOptions,
    *,
    appearance: str | None = None,
    workers: int | None = None,
    attempts: int = 3,
) -> tuple[list[VideoSummary], dict[str, str]]:
    """Track the videos at these places; those that `out` has already are not tracked again.

    Args:
        places: see `find_videos`.
        out: the folder of all cameras; all machines of the cluster see it under this path.
        options: how to track; one video's options (`camera`, `tracks`) are not allowed.
        appearance: name of a network, see `TrackTask`.
        workers: processes; default: one per GPU where a network runs on GPUs, else one per core.
        attempts: how often a video is begun before it is set aside.

    Returns:
        The summaries of tracked videos, and the reasons of those set aside, by address; `failed.csv` in `out`
        has them too.

    Raises:
        ConfigError: no videos, two of one name, or options of one video.
        StcaError: Ray is not installed.

    """
    if options.camera or options.tracks:
        raise ConfigError("--camera and --tracks are for one video, and the Ray engine is for many")
    videos = find_videos(places)
    require_distinct_cameras(
        [video.address.partition("?")[0].rpartition("/")[2] for video in videos],
        hint="run the command once per folder, each with another --out",
    )
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    ledger = Attempts(out / ATTEMPTS, attempts)
    ledger.clear()
    done, failed = [], {}
    with connected() as ray:
        task = TrackTask(out, options, appearance)
        gpus = _on_gpus(task, int(ray.cluster_resources().get("GPU", 0)))
        for outcome in _outcomes(ray, task, videos, ledger, workers, gpus):
            if outcome.error:
                failed[outcome.name] = outcome.error
                continue
            facts = {name: value for name, value in outcome.facts.items() if name != "hours"}
            done.append(VideoSummary(**facts | {"folder": Path(facts["folder"])}))
    return sorted(done, key=lambda each: each.video), failed


def _outcomes(
    ray: Any, task: TrackTask, videos: Sequence[Place], ledger: Attempts, workers: int | None, gpus: bool
) -> Iterator[Outcome]:
    largest_first = sorted(videos, key=lambda video: -video.size)
    pieces = [(video.shown, video.address) for video in largest_first]
    outcomes = run(ray, task, pieces, attempts=ledger, workers=workers, gpus=gpus)
    return follow(outcomes, label="videos", total=len(pieces), failed_in=task.out)


def _on_gpus(task: TrackTask, count: int) -> bool:
    """Whether each process gets a GPU of the cluster: it has some, and a network runs on them."""
    device = task.options.detector_options.device
    if count == 0 or task.appearance is not None:
        return count > 0
    if task.options.detector in ("motion", AUTO):
        return False
    return device in ("cuda", "tensorrt") or (device == "auto" and "cuda" in devices_to_try("auto"))


def hours_of(folder: Path, *, every: int = 1) -> float:
    """Hours of video that a camera's folder of tracks was made from; 0 where it does not say."""
    facts = read_video_file(folder) or {}
    try:
        return float(facts["frames"]) * every / float(facts["frame_rate"]) / 3600
    except (ValueError, KeyError, TypeError, ZeroDivisionError):
        return 0.0
