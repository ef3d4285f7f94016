"""Who is in a picture, as two public detectors see it, one of them at two sizes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from experiments.out_of_the_box.detector.network import SIZE

from stca.boxes.geometry import overlaps
from stca.footage.images import RGB
from stca.tools.openvino_import import openvino_core
from stca.tracking.detectors.decoding import suppress
from stca.tracking.detectors.detections import Detections
from stca.tracking.detectors.network import NetworkDetector
from stca.tracking.detectors.openvino import OpenVinoNetwork

LARGER = 1.6
"""The second size: people who are too small for the first teacher at `SIZE`."""
YOLOX = "weights/detector/yolox_nano.onnx"
ADAS = "weights/detector/pedestrian-detection-adas-0002/pedestrian-detection-adas-0002.xml"
_WEAKER = 0.44
"""What the second teacher's scores are multiplied by. It sees people in shelves: alone it is never sure."""
_SAME = 0.5


class DetectionTeachers:
    """`yolox_nano` at two sizes, and `pedestrian-detection-adas-0002`; one thread."""

    def __init__(self, shared: Path) -> None:
        self._larger = tuple(round(side * LARGER / 32) * 32 for side in SIZE)
        self._yolox = [_opened(shared / YOLOX, size) for size in (SIZE, self._larger)]
        self._adas = _opened(shared / ADAS)

    def __call__(self, picture: RGB) -> Detections:
        """The people in a picture of `SIZE`; the same person once."""
        bigger = cv2.resize(picture, self._larger[::-1], interpolation=cv2.INTER_CUBIC)
        seen, more = self._yolox[0].detect(picture), self._yolox[1].detect(bigger)
        scale = np.array([SIZE[1] / self._larger[1], SIZE[0] / self._larger[0]] * 2, np.float32)
        boxes = np.concatenate((seen.boxes, more.boxes * scale))
        kept = suppress(boxes, np.concatenate((seen.scores, more.scores)))
        return self._with_second(kept, self._adas.detect(picture))

    def _with_second(self, first: Detections, second: Detections) -> Detections:
        """People of whom only the second teacher knows are added; those whom both know are surer."""
        scores, others = first.scores.copy(), np.ones(len(second), bool)
        if len(first) and len(second):
            same = overlaps(second.boxes, first.boxes)
            others = same.max(axis=1) < _SAME
            for row in np.flatnonzero(~others):
                best = int(np.argmax(same[row]))
                both = 1 - (1 - first.scores[best]) * (1 - _WEAKER * second.scores[row])
                scores[best] = max(scores[best], both)
        return Detections(
            np.concatenate((first.boxes, second.boxes[others])),
            np.concatenate((scores, _WEAKER * second.scores[others])),
        )


def _opened(path: Path, size: tuple[int, int] | None = None) -> NetworkDetector:
    core = openvino_core()
    network = core.read_model(path)
    if size is not None:
        network.reshape([1, 3, *size])
    compiled = core.compile_model(network, "CPU", {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"})
    return NetworkDetector(OpenVinoNetwork(compiled), path)
