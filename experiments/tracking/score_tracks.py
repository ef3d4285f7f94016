"""How well people are followed: MOTA, IDF1 and HOTA by TrackEval, and frames a second.

    python -m experiments.tracking.score_tracks --shared ../shared

writes experiments/results/tracking.md. Every video is tracked with every detector that is there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stca.boxes import MotRow, read_mot
from stca.footage.video import probe_video
from stca.linking.scores import trackeval_data
from stca.runs import open_model
from stca.runs.gallery_model import open_encoder
from stca.tools.files import write_text
from stca.tools.provenance import provenance_line
from stca.tracking import TrackOptions, write_tracks
from stca.tracking.appearance import CropEncoder

VIDEOS = {
    "PETS09-S2L1": ("video/pets_s2l1/vtest.avi", "video/pets_s2l1/gt.txt"),
    "TUD-Campus": ("video/tud/TUD-Campus/TUD-Campus.mp4", "video/tud/TUD-Campus/gt.txt"),
    "TUD-Stadtmitte": ("video/tud/TUD-Stadtmitte/TUD-Stadtmitte.mp4", "video/tud/TUD-Stadtmitte/gt.txt"),
}
CONFIRMED = "motion, confirmed"
DETECTORS = {
    "yolox_nano": "weights/detector/yolox_nano.onnx",
    "pedestrian-detection-adas-0002": (
        "weights/detector/pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml"
    ),
    "person_mobile": "person_mobile",
    "motion": "motion",
    CONFIRMED: "motion",
}
"""Files in the folder of the raw material, or names that the package knows."""
_COLUMNS = [
    "video",
    "detector",
    "tracker",
    "MOTA",
    "IDF1",
    "HOTA",
    "false",
    "missed",
    "switches",
    "tracks",
    "frames/s",
    "CPU-ms",
]
RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Score:
    """Of one result against its ground truth, at an overlap (IoU) of one half."""

    mota: float
    idf1: float
    hota: float
    false_positives: int
    misses: int
    switches: int
    tracks: int


def score(truth: Sequence[MotRow], found: Sequence[MotRow], num_frames: int) -> Score:
    """Score tracks as MOTChallenge does, without its ignore regions (all boxes of the truth count)."""
    with contextlib.redirect_stdout(io.StringIO()):
        from trackeval.metrics import CLEAR, HOTA, Identity

        data = trackeval_data({"": truth}, {"": found}, frames=num_frames)
        clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
        identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
        hota = HOTA().eval_sequence(data)
    return Score(
        mota=float(clear["MOTA"]),
        idf1=float(identity["IDF1"]),
        hota=float(np.mean(hota["HOTA"])),
        false_positives=int(clear["CLR_FP"]),
        misses=int(clear["CLR_FN"]),
        switches=int(clear["IDSW"]),
        tracks=int(data["num_tracker_ids"]),
    )


@dataclass(frozen=True)
class Outcome:
    """What one detector gave on one video."""

    video: str
    detector: str
    tracker: str
    score: Score
    frames_per_second: float
    cpu_per_frame: float  # milliseconds of all threads


def track_and_score(
    video: Path, truth: Path, out: Path, options: TrackOptions, encoder: CropEncoder | None = None
) -> tuple[Score, float, float]:
    """Of one video: score, frames a second and CPU milliseconds a frame, from opening it to the last crop."""
    cpu = time.process_time()
    running = write_tracks(video, out, options, encoder=encoder)
    while True:
        try:
            next(running)
        except StopIteration as end:
            summary = end.value
            break
    cpu = 1000 * (time.process_time() - cpu) / summary.frames
    found = read_mot(summary.folder / "tracks.txt").rows if summary.tracks else ()
    frames = probe_video(video).num_frames or summary.frames
    return score(read_mot(truth).rows, found, frames), summary.frames / summary.seconds, cpu


def outcomes(
    shared: Path, trackers: Sequence[str], *, encoder: CropEncoder | None = None, marked: str = ""
) -> list[Outcome]:
    """All videos with all detectors; `marked` is added to the tracker's name."""
    made = []
    for video, (path, truth) in VIDEOS.items():
        for detector, weights in DETECTORS.items():
            for tracker in trackers:
                name = str(shared / weights) if "/" in weights else weights
                options = TrackOptions(detector=name, tracker=tracker, confirm=detector == CONFIRMED)
                with tempfile.TemporaryDirectory() as out:
                    got, speed, cpu = track_and_score(
                        shared / path, shared / truth, Path(out), options, encoder
                    )
                made.append(Outcome(video, detector, tracker + marked, got, speed, cpu))
                print(made[-1], flush=True)
    return made


def page(made: Sequence[Outcome], command: str, *, busy: bool) -> str:
    """As markdown."""
    told = "CPU milliseconds a frame (all threads)" + ("" if busy else ", and frames a second,")
    columns = [name for name in _COLUMNS if not (busy and name == "frames/s")]
    lines = [
        "# Tracking",
        "",
        "Percent, at IoU 0.5 (HOTA: mean over 0.05 to 0.95), all frames and all boxes of the ground truth,",
        f"by TrackEval. {told} include decoding, detection, association and writing all crops.",
    ]
    if busy:
        lines.append("The machine was shared and this process was stopped at times: no frames a second.")
    lines += ["", f"| {' | '.join(columns)} |", f"|{'---|' * 3}{'---:|' * (len(columns) - 3)}"]
    for o in made:
        s = o.score
        speed = "" if busy else f" {o.frames_per_second:.0f} |"
        lines.append(
            f"| {o.video} | {o.detector} | {o.tracker} | {100 * s.mota:.1f} | {100 * s.idf1:.1f} "
            f"| {100 * s.hota:.1f} | {s.false_positives} | {s.misses} | {s.switches} | {s.tracks} "
            f"|{speed} {o.cpu_per_frame:.1f} |"
        )
    return "\n".join([*lines, "", f"`{command}`", "", provenance_line(), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="videos, tracks and weights")
    parser.add_argument("--tracker", nargs="+", default=["ocsort", "bytetrack", "botsort"])
    parser.add_argument("--appearance", help="also with tracks cut by this network, with the first tracker")
    parser.add_argument("--busy", action="store_true", help="others use the machine: no frames a second")
    parser.add_argument("--out", type=Path, default=RESULTS / "tracking.md")
    given = parser.parse_args()
    command = "python -m experiments.tracking.score_tracks --shared ../shared"
    made = outcomes(given.shared, given.tracker)
    if given.appearance:
        command += f" --appearance {given.appearance}"
        with open_encoder(open_model(given.appearance)) as encoder:
            made += outcomes(given.shared, given.tracker[:1], encoder=encoder, marked=", cut by the network")
    command += " --busy" if given.busy else ""
    write_text(given.out, page(made, command, busy=given.busy))


if __name__ == "__main__":
    main()
