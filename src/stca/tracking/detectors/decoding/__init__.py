"""From the outputs of a detection network to boxes of people in pixels of its input.

`layout` defines what a layout of outputs is; `cells` (YOLO), `queries` (DETR), `rows` and `lists` (networks
with non-maximum suppression inside) each know some; `recognition` tells which one a network has. `geometry`
has the arithmetic of boxes, `suppression` non-maximum suppression and the check that boxes are possible.
"""

from stca.tracking.detectors.decoding.layout import MIN_SCORE, Candidates, Layout, Output, Probe
from stca.tracking.detectors.decoding.recognition import LAYOUTS, recognise
from stca.tracking.detectors.decoding.suppression import check_possible, suppress

__all__ = [
    "LAYOUTS",
    "MIN_SCORE",
    "Candidates",
    "Layout",
    "Output",
    "Probe",
    "check_possible",
    "recognise",
    "suppress",
]
