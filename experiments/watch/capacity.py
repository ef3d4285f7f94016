"""How many cameras two cores follow in real time, and which stage limits, by processor seconds.

    python -m experiments.watch.capacity --work runs/capacity --detector motion
    python -m experiments.watch.capacity --work runs/capacity --detector yolox_nano

A rendered camera of 640x360 at 12.5 frames/s with six people. What is counted is processor time, not time
on the wall, so that other work on the machine disturbs it little: decoding alone, detecting alone, all of a
camera's process (the rest is association, crops and rows), and embedding as the watching process does it:
after 4 good crops, again whenever they have doubled, and all of them at the end.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from stca.embedding import open_embedder
from stca.footage.sources import open_source
from stca.runs import open_model
from stca.tools.provenance import provenance_line
from stca.tracking import TrackOptions, open_detector, track_whole
from stca.tracklets import Tracklet
from stca.tracks import find_tracklets
from stca.walkers import make_scene
from stca.watch.cameras.following import FIRST_CROPS

CORES = 2
_SHOWN = 16  # crops of a tracklet that are embedded at once while it walks


def processor_seconds(work: Callable[[], object]) -> float:
    """Of all threads of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def embedded_crops(count: int) -> list[int]:
    """How many crops of a tracklet of `count` good ones are embedded, each time."""
    times, due = [], FIRST_CROPS
    while due <= count:
        times.append(min(due, _SHOWN))
        due *= 2
    return [*times, count]


def embedding(tracks: Path, model_name: str) -> float:
    """Processor seconds of embedding every tracklet as often as the watching does."""
    crops = []
    for found in find_tracklets(tracks):
        for count in embedded_crops(len(found.frames)):
            step = max(1, len(found.frames) // count)
            crops.append(Tracklet(found.frames[::step][:count], 0, 0, f"{found.key} {count} {len(crops)}"))
    model = open_model(model_name)
    with open_embedder(model, (), frames=1_000_000) as embedder:
        embedder.embed(crops[:1], batch_size=16, workers=0, label="")  # what is made once does not count
        return processor_seconds(lambda: embedder.embed(crops, batch_size=16, workers=0, label=""))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=Path("runs/capacity"))
    parser.add_argument("--detector", default="motion")
    parser.add_argument("--model", default="pretrained")
    parser.add_argument("--seconds", type=int, default=20)
    given = parser.parse_args()
    scene = given.work / "scene"
    if not scene.exists():
        make_scene(scene, cameras=1, persons=6, seconds=given.seconds, height=360, seed=0, workers=1)
    video = scene / "cam1" / "cam1.mp4"
    frames = [frame.image for frame in open_source(video).frames()]
    seconds = len(frames) / 12.5
    detector = open_detector(given.detector)
    detector.detect(frames[0])
    decode = processor_seconds(lambda: list(open_source(video).frames()))
    detect = processor_seconds(lambda: [detector.detect(image) for image in frames])
    tracks = given.work / "tracks"
    shutil.rmtree(tracks, ignore_errors=True)
    options = TrackOptions(detector=given.detector, camera="cam1")
    whole = processor_seconds(lambda: track_whole(video, tracks, options))
    stages = {
        "decoding": decode,
        "detecting": detect,
        "association, crops, rows": max(whole - decode - detect, 0.0),
        "embedding": embedding(tracks, given.model),
    }
    tracklets = len(find_tracklets(tracks))
    print(f"{given.detector}, {given.model}: {len(frames)} frames, {tracklets} tracklets")
    for name, spent in stages.items():
        print(f"{name:<26}{spent / seconds:6.3f} processor seconds per second of video")
    load = sum(stages.values()) / seconds
    limit = max(stages, key=lambda name: stages[name])
    print(f"cameras per core: {1 / load:.1f}; {CORES} cores follow {int(CORES / load)}; limited by {limit}")
    print(provenance_line())


if __name__ == "__main__":
    main()
