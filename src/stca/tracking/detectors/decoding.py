"""From the numbers a detection network returns to boxes, and from an image to what it wants to see.

Three families are recognised by the shapes of their outputs:

- YOLOX: one output (1, A, 5 + classes), A being the cells of all strides. Sees BGR from 0 to 255.
- DETR: two outputs, boxes (1, Q, 4) and logits (1, Q, classes). Sees RGB.
- SSD: one output (1, 1, N, 7), as OpenVINO's own detectors have it. Sees BGR from 0 to 255, stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from stca.boxes import overlaps
from stca.errors import CheckpointError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD, RGB
from stca.tracking.detectors.detections import NOTHING, Detections

LEAST_SCORE = 0.05
"""Boxes below are not worth keeping: a tracker goes on with weak boxes, but not with those."""

_GREY = 114
_NMS_OVERLAP = 0.6

Outputs = Sequence[np.ndarray]


@dataclass(frozen=True, slots=True)
class Family:
    """How to talk to a network.

    Args:
        name: for messages.
        decode: (outputs, (height, width) of its input) -> boxes in pixels of its input, and scores.
        rgb: whether it sees RGB; otherwise BGR.
        stretch: whether the image fills the input; otherwise it keeps its shape, with grey beside it.
        mean, std: taken off and divided by, per channel, of values from 0 to 255.

    """

    name: str
    decode: Callable[[Outputs, tuple[int, int]], Detections]
    rgb: bool
    stretch: bool
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


def recognise(outputs: Outputs, size: tuple[int, int], path: Path) -> Family:
    """Tell the family by what a network of input `size` (height, width) returned.

    Raises:
        CheckpointError: none of the three.

    """
    shapes = [tuple(output.shape) for output in outputs]
    if len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][:2] == (1, 1) and shapes[0][3] == 7:
        return Family("SSD", decode_ssd, rgb=False, stretch=True)
    if len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] > 5 and _strides(shapes[0][1], size):
        return Family("YOLOX", decode_yolox, rgb=False, stretch=False)
    if len(shapes) == 2 and all(len(shape) == 3 for shape in shapes) and shapes[0][:2] == shapes[1][:2]:
        classes = [shape[2] for shape in shapes if shape[2] != 4]
        if len(classes) == 1 and shapes[0][0] == 1:
            return _detr(classes[0])
    raise CheckpointError(
        "This network is no person detector that can be read",
        expected="outputs (1, A, 5 + classes) of YOLOX, (1, Q, 4) and (1, Q, classes) of DETR, "
        "or (1, 1, N, 7) of SSD",
        found=f"outputs {', '.join(map(str, shapes))} for an input of {size[0]} x {size[1]}",
        where=path,
    )


def _detr(classes: int) -> Family:
    """Networks with COCO's 91 ids (DETR, RF-DETR) want ImageNet's normalisation, others 0 to 1."""
    if classes in (91, 92):
        mean, std = tuple(255 * m for m in IMAGENET_MEAN), tuple(255 * s for s in IMAGENET_STD)
        return Family("DETR", decode_detr, rgb=True, stretch=True, mean=mean, std=std)
    return Family("DETR", decode_detr, rgb=True, stretch=True, std=(255.0, 255.0, 255.0))


def prepare(
    image: RGB, size: tuple[int, int], family: Family
) -> tuple[Float32[np.ndarray, "1 3 h w"], np.ndarray]:
    """What the network sees of the image, and by what its boxes are to be divided: (4,)."""
    import cv2

    height, width = size
    scale_y, scale_x = height / image.shape[0], width / image.shape[1]
    if not family.stretch:
        scale_y = scale_x = min(scale_y, scale_x)
    inner = max(1, round(image.shape[0] * scale_y)), max(1, round(image.shape[1] * scale_x))
    small = cv2.resize(image, inner[::-1], interpolation=cv2.INTER_LINEAR)
    seen = np.full((1, 3, height, width), _GREY, np.float32)
    pixels = small.transpose(2, 0, 1) if family.rgb else small[..., ::-1].transpose(2, 0, 1)
    seen[0, :, : inner[0], : inner[1]] = pixels
    if any(family.mean) or family.std != (1.0, 1.0, 1.0):
        seen -= np.array(family.mean, np.float32)[:, None, None]
        seen /= np.array(family.std, np.float32)[:, None, None]
    return seen, np.array([scale_x, scale_y, scale_x, scale_y], np.float32)


def decode_yolox(outputs: Outputs, size: tuple[int, int]) -> Detections:
    """YOLOX: per cell, offset and log size in strides, objectness, classes; person is class 0."""
    (rows,) = outputs[0]
    strides = _strides(len(rows), size)
    cells = [_cells(size[0] // stride, size[1] // stride, stride) for stride in strides]
    grid = np.concatenate(cells)
    scores = rows[:, 4] * rows[:, 5]
    keep = np.flatnonzero(scores >= LEAST_SCORE)
    rows, grid, scores = rows[keep], grid[keep], scores[keep]
    stride = grid[:, 2:]
    centre, half = (rows[:, :2] + grid[:, :2]) * stride, np.exp(rows[:, 2:4].clip(max=10)) * stride / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return suppress(boxes.astype(np.float32), scores.astype(np.float32))


def _cells(height: int, width: int, stride: int) -> Float32[np.ndarray, "cells 3"]:
    """Column, row and stride of every cell, row by row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1).astype(np.float32)


def _strides(cells: int, size: tuple[int, int]) -> tuple[int, ...]:
    """The strides that make so many cells of an input of that size; empty where none do."""
    for strides in ((8, 16, 32), (8, 16, 32, 64)):
        if cells == sum((size[0] // stride) * (size[1] // stride) for stride in strides):
            return strides
    return ()


def decode_detr(outputs: Outputs, size: tuple[int, int]) -> Detections:
    """DETR: boxes as centre and size, fractions of the input; a score per query and class.

    Which class is a person, and whether the classes exclude each other, is told by their number: 92 are
    COCO's ids and "nothing" (softmax, person is 1), 91 COCO's ids (person is 1), any other number has
    person first.
    """
    first, second = (output[0] for output in outputs)
    boxes, logits = (first, second) if first.shape[1] == 4 else (second, first)
    logits = logits.astype(np.float64)
    person = 1 if logits.shape[1] in (91, 92) else 0
    if logits.shape[1] == 92:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers[:, person] / powers.sum(axis=1)
    else:
        scores = 1 / (1 + np.exp(-logits[:, person].clip(-50, 50)))
    keep = scores >= LEAST_SCORE
    boxes, scores = boxes[keep], scores[keep].astype(np.float32)
    pixels = boxes * np.array([size[1], size[0], size[1], size[0]], np.float32)
    centre, half = pixels[:, :2], pixels[:, 2:] / 2
    return suppress(np.concatenate([centre - half, centre + half], axis=1).astype(np.float32), scores)


def decode_ssd(outputs: Outputs, size: tuple[int, int]) -> Detections:
    """SSD: rows of image (-1 ends), class (1 is person), score, left, top, right, bottom (fractions)."""
    rows = outputs[0][0, 0]
    ends = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ends[0]] if len(ends) else rows
    rows = rows[(rows[:, 1] == 1) & (rows[:, 2] >= LEAST_SCORE)]
    boxes = rows[:, 3:] * np.array([size[1], size[0], size[1], size[0]], np.float32)
    return suppress(boxes.astype(np.float32), rows[:, 2].astype(np.float32))


def suppress(
    boxes: Float32[np.ndarray, "n 4"], scores: Float32[np.ndarray, " n"], *, overlap: float = _NMS_OVERLAP
) -> Detections:
    """Non-maximum suppression: a box that overlaps a better one by more than `overlap` (IoU) goes.

    Boxes that are not finite or have no area go too. The best come first.
    """
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    sound &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, scores = boxes[sound], scores[sound]
    if not len(boxes):
        return NOTHING
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    covered = overlaps(boxes, boxes) > overlap
    alive = np.ones(len(boxes), bool)
    for i in range(len(boxes)):
        if alive[i]:
            alive[i + 1 :] &= ~covered[i, i + 1 :]
    return Detections(boxes[alive], scores[alive])
