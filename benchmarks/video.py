"""Benchmark video to embeddings, stage by stage, compared with a plain sequential OpenCV loop.

    python benchmarks/video.py --shared ../shared        # PETS S2L1, with two detection networks
    python benchmarks/video.py                           # a rendered scene, motion only

The plain loop decodes with OpenCV, runs the detector frame by frame with its runtime's defaults, and passes
the boxes to ByteTrack with its defaults; it writes no crops. Ours, in the complete chain, also scores and
writes every crop and joins broken tracks.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from timing import Contenders, ratios, spread, table, take_turns, write_page

from stca.clips import Transform, dense_batches, normalise
from stca.embedding import embed_tracklets
from stca.footage.images import RGB
from stca.footage.sources import Frame, open_source
from stca.models.weights.pretrained import load_pretrained
from stca.tools.openvino_import import openvino_core
from stca.tracking import Detections, Detector, TrackOptions, open_detector, track_video, write_tracks
from stca.tracking.associate import Associator
from stca.tracking.detection import detect_frames, read_ahead
from stca.tracking.detectors.network import NetworkDetector
from stca.tracking.detectors.onnx import OnnxNetwork
from stca.tracking.detectors.openvino import OpenVinoNetwork
from stca.tracklets import Tracklet
from stca.walkers import make_scene

VIDEO = "video/pets_s2l1/vtest.avi"
NETWORKS = {
    "yolox_nano": "weights/detector/yolox_nano.onnx",
    "adas-0002": "weights/detector/pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml",
}
HEAD = ("", "ours, frames a second", "plain, frames a second", "times the plain way")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, help="folder with video/ and weights/")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        video = args.shared / VIDEO if args.shared else rendered(folder)
        networks = {name: args.shared / path for name, path in NETWORKS.items()} if args.shared else {}
        frames = list(open_source(video).frames())
        lines = decoding(video, frames, args.rounds)
        for name in ("motion", *networks):
            lines += detecting(name, networks.get(name), frames, args.rounds)
        lines += following(frames, args.rounds)
        for name in ("motion", *networks):
            lines += whole(name, networks.get(name), video, frames, args.rounds)
        best = str(networks.get("yolox_nano", "motion"))
        tracklets = list(track_video(video, detector=best, out=folder / "tracks"))
        lines += embedding(tracklets, args.rounds)
    height, width = frames[0].image.shape[:2]
    crops = sum(len(t.frames) for t in tracklets)
    about = (
        f"{video.name}: {len(frames)} frames of {width}x{height}. Detection and association read frames "
        f"from memory. Embedding counts crops: the {crops} of the {len(tracklets)} tracklets, by stca_small, "
        f"which comes with stca. Median (least to most) of {args.rounds} rounds in turn."
    )
    command = "python benchmarks/video.py" + (" --shared ../shared" if args.shared else "")
    print(write_page("video", "Video to vectors", [about, table(HEAD, lines)], command=command))


def rendered(folder: Path) -> Path:
    return make_scene(folder / "scene", cameras=1, persons=10, seconds=30) / "cam1" / "cam1.mp4"


Row = tuple[str, str, str, str]


def rows(title: str, count: int, contenders: Contenders, rounds: int) -> list[Row]:
    """One row per contender except the plain one."""
    seconds = take_turns(contenders, rounds=rounds, label=title)
    speeds = {name: spread([count / s for s in taken], 0) for name, taken in seconds.items()}
    return [
        (
            title + name.removeprefix("ours"),
            speeds[name],
            speeds["plain"],
            spread(ratios(seconds, name, "plain")),
        )
        for name in contenders
        if name != "plain"
    ]


def exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


def decoding(video: Path, frames: list[Frame], rounds: int) -> list[Row]:
    contenders = {
        "ours": lambda: exhaust(open_source(video).frames()),
        "plain": lambda: exhaust(opencv(video)),
    }
    return rows("decode", len(frames), contenders, rounds)


def opencv(video: Path) -> Iterator[RGB]:
    capture = cv2.VideoCapture(str(video))
    while True:
        there, image = capture.read()
        if not there:
            return
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def detecting(name: str, path: Path | None, frames: list[Frame], rounds: int) -> list[Row]:
    def ours() -> None:
        exhaust(detect_frames(frames, open_detector(str(path or name))))

    detect = plain_detector(path)
    contenders = {"ours": ours, "plain": lambda: exhaust(map(detect, (f.image for f in frames)))}
    return rows(f"detect: {name}", len(frames), contenders, rounds)


def plain_detector(path: Path | None) -> Callable[[RGB], Detections]:
    """The same network with its runtime's defaults; for motion, OpenCV's standard background subtraction."""
    if path is None:
        return plain_motion()
    detector: Detector
    if path.suffix == ".onnx":
        import onnxruntime

        detector = NetworkDetector(OnnxNetwork(onnxruntime.InferenceSession(str(path))), path)
    else:
        detector = NetworkDetector(OpenVinoNetwork(openvino_core().compile_model(str(path), "CPU")), path)
    return detector.detect


def plain_motion() -> Callable[[RGB], Detections]:
    background = cv2.createBackgroundSubtractorMOG2()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))

    def detect(image: RGB) -> Detections:
        mask = (background.apply(image) == 255).astype(np.uint8)
        mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), kernel, iterations=2)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        around = [cv2.boundingRect(o) for o in outlines if cv2.contourArea(o) > 500]
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in around], np.float32).reshape(-1, 4)
        return Detections(boxes, np.ones(len(boxes), np.float32))

    return detect


def following(frames: list[Frame], rounds: int) -> list[Row]:
    found = [boxes for _, boxes in detect_frames(frames, open_detector("motion"))]

    def ours() -> None:
        associator = Associator("ocsort", 25)
        for frame, boxes in zip(frames, found, strict=True):
            associator.update(frame.time, boxes)

    def plain() -> None:
        follow = plain_tracker()
        for boxes in found:
            follow(boxes)

    return rows("associate", len(frames), {"ours": ours, "plain": plain}, rounds)


def plain_tracker() -> Callable[[Detections], Any]:
    import supervision as sv

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from trackers import ByteTrackTracker
    tracker = ByteTrackTracker()
    return lambda boxes: tracker.update(
        sv.Detections(boxes.boxes, confidence=boxes.scores, class_id=np.zeros(len(boxes), int))
    )


def whole(name: str, path: Path | None, video: Path, frames: list[Frame], rounds: int) -> list[Row]:
    def ours() -> None:
        with tempfile.TemporaryDirectory() as out:
            exhaust(write_tracks(video, Path(out), TrackOptions(detector=str(path or name))))

    def without_crops() -> None:
        source = open_source(video)
        associator = Associator("ocsort", source.frame_rate)
        for frame, boxes in detect_frames(
            read_ahead(source.frames(), live=False), open_detector(str(path or name))
        ):
            associator.update(frame.time, boxes)

    def plain() -> None:
        detect, follow = plain_detector(path), plain_tracker()
        for image in opencv(video):
            follow(detect(image))

    contenders = {"ours": ours, "ours, without crops": without_crops, "plain": plain}
    return rows(f"track, from file to tracklets: {name}", len(frames), contenders, rounds)


def embedding(tracklets: list[Tracklet], rounds: int) -> list[Row]:
    """Embed, compared with the same network in eager float32, decoded clip by clip in one process."""
    model, twin = load_pretrained(), load_pretrained()

    def plain() -> None:
        _, batches = dense_batches(
            tracklets, Transform(twin.image_size), clip_len=twin.clip_len, batch_size=1, workers=0
        )
        with torch.inference_mode():
            for batch in batches:
                twin(normalise(batch.frames))

    contenders = {"ours": lambda: embed_tracklets(model, tracklets, label=""), "plain": plain}
    return rows("embed (crops)", sum(len(t.frames) for t in tracklets), contenders, rounds)


if __name__ == "__main__":
    main()
