"""Clips with damaged frames, and what the teacher says of them before the damage."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from experiments.out_of_the_box.making.clips import Clip, make_clip
from experiments.out_of_the_box.making.material import Material, load_material
from experiments.out_of_the_box.making.pictures import shrink
from experiments.out_of_the_box.making.prepare import prepare, render_walkers
from experiments.out_of_the_box.teaching.student import SIZE
from experiments.out_of_the_box.teaching.teachers import Teacher, teacher_path
from jaxtyping import Float, UInt8
from torch import Tensor

from stca.footage.images import read_image

FRAMES = 8
_PERSONS, _SEED = 80, 78
_ASKED = (1, -2)
"""Clean frames whose mean vector is the target: they differ by little, and a teacher costs much."""
_SINGLE = 4
"""Every so many batches are of single frames, as a photo is that is searched with."""


class ClipBatch(NamedTuple):
    """Clips of the student's size, the teacher's vectors of the clean ones, and what both cost in seconds."""

    clips: UInt8[Tensor, "B T H W 3"]
    targets: Float[Tensor, "B D"]
    seconds: float


def prepare_clips(shared: Path, work: Path) -> None:
    """Leave crops in `work/video` and `work/walkers`, and people who walk in `work/walks`; once."""
    prepare(shared, work)
    render_walkers(work / "walks", persons=_PERSONS, frames=FRAMES, seed=_SEED)


def load_walks(work: Path) -> list[UInt8[np.ndarray, "T H W 3"]]:
    """The tracklets of `work/walks`, by person and camera."""
    files = sorted((work / "walks" / "bbox_train").rglob("*.jpg"))
    tracklets = [list(group) for _, group in itertools.groupby(files, lambda file: file.stem.split("F")[0])]
    return [np.stack([read_image(file) for file in files]) for files in tracklets if len(files) == FRAMES]


def make_clip_arrays(shared: Path, work: Path, batch: int, seed: int, first: int) -> Iterator[tuple]:
    """Batches number `first` and on, as arrays: clips, targets, seconds."""
    cv2.setNumThreads(1)
    material, _ = load_material(shared, work)
    walks, teacher = load_walks(work), Teacher(teacher_path(shared, "0277"), threads=1)
    for number in itertools.count(first):
        begun = time.process_time()
        make = partial(make_clip, material, walks, seed=seed, frames=FRAMES)
        clips = [make(index=number * batch + row) for row in range(batch)]
        frames = 1 if number % _SINGLE == 0 else FRAMES
        seen = np.stack([shrink(clip.seen[:frames], SIZE) for clip in clips])
        yield seen, targets(clips, teacher).numpy(), time.process_time() - begun


def targets(clips: list[Clip], teacher: Teacher) -> Float[Tensor, "B D"]:
    """Directions of the teacher's mean over clean frames."""
    clean = np.concatenate([clip.clean[list(_ASKED)] for clip in clips])
    vectors = teacher(clean).vectors
    return torch.nn.functional.normalize(vectors).unflatten(0, (-1, len(_ASKED))).mean(dim=1)


def apart_clips(material: Material, *, count: int, seed: int) -> list[Clip]:
    """Clips of people kept apart, to watch a training by."""
    return [make_clip(material, [], seed=seed, index=index, frames=FRAMES) for index in range(count)]
