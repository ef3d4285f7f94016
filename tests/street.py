"""A rendered street for tests of tracking: coloured people walk over noise; and a detector that sees colours."""

import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stca.boxes import MotRow
from stca.footage.images import RGB
from stca.tracking import VideoSummary
from stca.tracking.detectors.detections import NOTHING, Detections

HEIGHT, WIDTH = 240, 320


@dataclass(frozen=True)
class Walker:
    """Walks from x to x + speed * frames, feet at y, in frames first to last."""

    colour: tuple[int, int, int]
    x: float
    y: float
    speed: float
    first: int = 1
    last: int = 10_000
    size: tuple[int, int] = (60, 22)

    def box(self, frame: int) -> tuple[float, float, float, float] | None:
        """Left, top, right, bottom."""
        if not self.first <= frame <= self.last:
            return None
        x = self.x + self.speed * (frame - self.first)
        return x - self.size[1] / 2, self.y - self.size[0], x + self.size[1] / 2, self.y


def render(walkers: Sequence[Walker], frame: int, *, shadows: bool = False) -> RGB:
    """One frame; whoever stands lower is in front."""
    rng = np.random.default_rng(frame)
    ground = np.random.default_rng(0).normal(120, 12, (HEIGHT, WIDTH, 1))
    image = np.repeat(ground, 3, axis=2) + rng.normal(0, 2, (HEIGHT, WIDTH, 3))
    for walker in sorted(walkers, key=lambda w: w.y):
        if (box := walker.box(frame)) is None:
            continue
        left, top, right, bottom = (max(0, round(side)) for side in box)
        if shadows:
            image[bottom - 4 : bottom + 4, right : right + 40] *= 0.7
        image[top:bottom, left:right] = walker.colour
        image[top : top + 10, left:right] = (200, 160, 130)  # the head
        image[top + 35 : bottom, left:right] = np.array(walker.colour) // 2  # the legs
    return image.clip(0, 255).astype(np.uint8)


def write_street(path: Path, walkers: Sequence[Walker], frames: int, *, rate: int = 10) -> list[MotRow]:
    """Render a video; returns where everybody is."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate, options={"qmin": "2", "qmax": "3"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        for frame in range(1, frames + 1):
            picture = av.VideoFrame.from_ndarray(render(walkers, frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return truth(walkers, frames)


def truth(walkers: Sequence[Walker], frames: int) -> list[MotRow]:
    rows = []
    for frame in range(1, frames + 1):
        for number, walker in enumerate(walkers, start=1):
            if (box := walker.box(frame)) is not None and box[2] > 0 and box[0] < WIDTH:
                left, top, right, bottom = box
                rows.append(MotRow(frame, number, left, top, right - left, bottom - top))
    return rows


class ColourDetector:
    """Sees what is not grey; `pause` makes it slow."""

    name = "colours"
    stateful = False

    def __init__(self, pause: float = 0.0) -> None:
        self._pause = pause

    def detect(self, image: RGB) -> Detections:
        import cv2

        time.sleep(self._pause)
        if log := os.environ.get("STREET_LOG"):
            with Path(log).open("a") as file:
                file.write("x")
        colourful = (np.ptp(image.astype(int), axis=2) > 35).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(colourful)[2][1:]
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats.tolist() if area > 200]
        if not boxes:
            return NOTHING
        return Detections(np.array(boxes, np.float32), np.full(len(boxes), 0.9, np.float32))


def colours() -> ColourDetector:
    return ColourDetector()


def slow_colours() -> ColourDetector:
    return ColourDetector(pause=0.05)


def lying() -> None:
    raise RuntimeError("a detector that breaks while it is made")


def finish(running: Generator) -> VideoSummary:
    """What `write_tracks` returns at its end."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


class WaitingDetector(ColourDetector):
    """Takes a quarter of a second for each frame, one after the other."""

    stateful = True


def waiting() -> WaitingDetector:
    return WaitingDetector(pause=0.25)
