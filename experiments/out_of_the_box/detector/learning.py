"""A person detector learns from pictures with people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from experiments.out_of_the_box.detector.network import SIZE, PersonDetector, create_detector
from experiments.out_of_the_box.detector.objective import Marks, compare, mark
from experiments.out_of_the_box.detector.scenes import Scene, load_scenes, make_scene_picture
from experiments.out_of_the_box.detector.teacher import DetectionTeachers
from experiments.out_of_the_box.detector.validation import detector_curve
from experiments.out_of_the_box.teaching.feeding import ahead
from experiments.out_of_the_box.teaching.loop import RunSettings, Trainee, train
from experiments.out_of_the_box.teaching.student import has_bf16
from jaxtyping import UInt8
from torch import Tensor

from stca.boxes.geometry import overlaps

SURE, UNSURE = 0.45, 0.15
"""Scores of the teachers from which somebody is there, and below which nobody is."""
_SAME = 0.5


class Batch(NamedTuple):
    """Pictures, what should be found in them, and processor seconds for both."""

    pictures: UInt8[Tensor, "B H W 3"]
    marks: Marks
    seconds: float


def learn(settings: RunSettings) -> None:
    """Learn until the steps are done, the hours are over, or SIGTERM or SIGINT asks to stop; then save."""
    torch.manual_seed(settings.seed)
    trainee = Trainee(create_detector(settings.shared).train(), settings.out, rate=settings.rate)
    trainee.restore()
    curve = detector_curve(settings.shared, settings.out, trainee.average.model)

    def take_step(batch: Batch, rate: float) -> list[float]:
        return trainee.descend(compare(*maps(trainee.model, batch.pictures), batch.marks), rate)

    make = partial(make_arrays, settings.shared, settings.out, settings.batch, settings.seed)
    with ahead(make, first=trainee.step) as items:
        train(trainee, map(as_batch, items), take_step, settings, curve)


def maps(model: PersonDetector, pictures: UInt8[Tensor, "B H W 3"]) -> tuple[Tensor, Tensor]:
    """The network's two maps in float32."""
    seen = pictures.permute(0, 3, 1, 2).float() / 255
    with torch.autocast("cpu", torch.bfloat16, enabled=model.training and has_bf16()):
        logits, sides = model(seen.contiguous(memory_format=torch.channels_last))
    return logits.float(), sides.float()


def make_arrays(shared: Path, work: Path, batch: int, seed: int, first: int) -> Iterator[tuple]:
    """Batches number `first` and on, as arrays: pictures, `Marks`, seconds."""
    cv2.setNumThreads(1)
    material, teachers = load_scenes(shared, work), DetectionTeachers(shared)
    number = first
    while True:
        begun = time.process_time()
        scenes = [make_scene_picture(material, seed=seed, index=number * batch + i) for i in range(batch)]
        marks = [mark(*people_of(scene, teachers), SIZE) for scene in scenes]
        parts = [np.stack(part) for part in zip(*marks, strict=True)]
        yield np.stack([scene.picture for scene in scenes]), *parts, time.process_time() - begun
        number += 1


def as_batch(item: tuple) -> Batch:
    """What `make_arrays` gave, as tensors."""
    pictures, *parts, seconds = item
    return Batch(torch.from_numpy(pictures), Marks(*map(torch.from_numpy, parts)), seconds)


def people_of(scene: Scene, teachers: DetectionTeachers) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of people who are there, and of those who may be: what is known, and what the teachers say."""
    if scene.complete:
        return scene.known, scene.hidden
    seen = teachers(scene.picture)
    sure, unsure = seen.boxes[seen.scores >= SURE], seen.boxes[(seen.scores < SURE) & (seen.scores >= UNSURE)]
    people = np.concatenate((scene.known, _others(sure, scene.known)))
    maybe = np.concatenate((scene.hidden, unsure))
    return people, _others(maybe, people)


def _others(boxes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Boxes of nobody among `known`."""
    if not len(boxes) or not len(known):
        return boxes
    return boxes[overlaps(boxes, known).max(axis=1) < _SAME]
