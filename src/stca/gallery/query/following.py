"""Follow one box through the frames around it: by a detector's boxes, or by template matching."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from stca.boxes import overlaps
from stca.footage.images import RGB
from stca.gallery.query.crops import Box, find_people
from stca.tracking.detectors.detections import Detector

Step = Callable[[RGB, RGB, Box], Box | None]
"""(frame, next frame, box in the frame) to the box in the next frame; None where it is lost."""

_TEMPLATE_HEIGHT = 48
"""Pixels that a box's height is scaled to for template matching."""
_LEAST_OVERLAP, _SECOND = 0.3, 0.7
"""Least intersection over union with the previous box, and most of the second-best box by the best one's."""
_LEAST_CORRELATION = 0.7
"""Least normalised cross-correlation of the box in two consecutive frames."""


def follow(frames: Iterable[RGB], box: Box, step: Step) -> list[Box]:
    """Boxes in consecutive frames, the first of which has `box`, until the person is lost."""
    boxes: list[Box] = []
    before: RGB | None = None
    for image in frames:
        found = box if before is None else step(before, image, boxes[-1])
        if found is None:
            break
        boxes.append(found)
        before = image
    return boxes


def by_detector(detector: Detector) -> Step:
    """The detection that overlaps the previous box most; lost where none or two of them do."""

    def step(before: RGB, image: RGB, box: Box) -> Box | None:
        return best_overlap(find_people(detector, image), box)

    return step


def best_overlap(people: list[Box], box: Box) -> Box | None:
    """The one of `people` that overlaps `box` by an IoU of 0.3 or more, clearly more than any other."""
    if not people:
        return None
    ratio = overlaps(_corners([box]), _corners(people))[0]
    order = np.argsort(-ratio, kind="stable")
    if ratio[order[0]] < _LEAST_OVERLAP or (len(order) > 1 and ratio[order[1]] > _SECOND * ratio[order[0]]):
        return None
    return people[int(order[0])]


def _corners(boxes: list[Box]) -> Float[np.ndarray, "N 4"]:
    return np.array([(a, b, a + c, b + d) for a, b, c, d in boxes], dtype=float)


def by_template(before: RGB, image: RGB, box: Box) -> Box | None:
    """Where the pixels of the box are in the next frame, at most half a box away; None below 0.7."""
    scale = _TEMPLATE_HEIGHT / box[3]
    wide = (box[0] - box[2] / 2, box[1] - box[3] / 4, 2 * box[2], 1.5 * box[3])
    template, region = _patch(before, box, scale), _patch(image, wide, scale)
    scores = _correlation(template, region)
    best = int(scores.argmax())
    if scores.flatten()[best] < _LEAST_CORRELATION:
        return None
    row, column = divmod(best, scores.shape[1])
    return wide[0] + column / scale, wide[1] + row / scale, box[2], box[3]


def _patch(image: RGB, box: Box, scale: float) -> Float[Tensor, "h w"]:
    """The grey values of a box, scaled; pixels outside the image repeat its border."""
    rows = np.arange(round(box[1]), round(box[1] + box[3])).clip(0, image.shape[0] - 1)
    columns = np.arange(round(box[0]), round(box[0] + box[2])).clip(0, image.shape[1] - 1)
    grey = torch.from_numpy(image[np.ix_(rows, columns)].astype(np.float32).mean(axis=2))
    size = (max(4, round(box[3] * scale)), max(4, round(box[2] * scale)))
    return F.interpolate(grey[None, None], size=size, mode="bilinear", antialias=True)[0, 0]


def _correlation(
    template: Float[Tensor, "h w"], region: Float[Tensor, "H W"]
) -> Float[Tensor, "rows columns"]:
    """Normalised cross-correlation at every position of the template in the region."""
    kernel = template - template.mean()
    ones = torch.ones_like(kernel)[None, None]
    inputs = (region - region.mean())[None, None]
    product = F.conv2d(inputs, kernel[None, None])
    sums, squares = F.conv2d(inputs, ones), F.conv2d(inputs.square(), ones)
    energy = (squares - sums.square() / kernel.numel()).clamp_min(0) * kernel.square().sum()
    return (product / energy.sqrt().clamp_min(1e-3))[0, 0]
