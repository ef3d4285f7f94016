"""The cost of training a config: steps, multiply-adds and A100 hours, derived, not measured.

hours = 3 x forward multiply-adds x 2 flops x clips x steps / (0.30 x 312 TFLOP/s): a backward pass costs two
forward passes, and such networks reach 30 % of an A100's bf16 peak if decoding keeps up. Embedding the test
set is not included.
"""

from __future__ import annotations

import functools
import json

import torch

from stca.analysis import measure_complexity
from stca.clips import PKSampler
from stca.config import RunConfig
from stca.models import build_model
from stca.runs import load_train
from stca.tools.lookup import as_tuples

PEAK = 312e12
"""Dense bf16 flop/s of one NVIDIA A100."""
UTILISATION = 0.30

IDENTITIES = {"mars": 625, "duke_video": 702, "ilids_vid": 150}
_GROUPS_OF_4 = {
    "mars": 1883,  # 7,532 of 8,298 tracklets, counted from its tables
    "duke_video": 702,  # 2,196 tracklets, 3 a person: one group each; who has 8 or more adds a group
    "ilids_vid": 150,  # two tracklets a person
}


def steps_per_epoch(config: RunConfig) -> int:
    """Batches per epoch, from published counts or, for other data, from the first epoch.

    For MARS this is an upper bound: the last groups of an epoch belong to too few persons to fill a batch,
    and some 223 of 235 batches are made.
    """
    source, batch = config.data.source, config.batch
    if source not in IDENTITIES:
        sampler = PKSampler(
            [tracklet.person_id for tracklet in load_train(config).train],
            identities=batch.identities,
            instances=batch.instances,
            seed=config.seed,
            epoch=batch.epoch,
            shuffle=batch.shuffle,
        )
        return len(sampler)
    groups = _GROUPS_OF_4[source] if batch.epoch == "all-groups" else IDENTITIES[source]
    if source == "mars" and batch.epoch == "all-groups":
        groups = groups * 4 // batch.instances
    return groups // batch.identities


def steps(config: RunConfig) -> int:
    """Training steps of the whole run."""
    return config.optim.epochs * steps_per_epoch(config)


def flops(config: RunConfig) -> float:
    """Floating-point operations of the whole training, forward and backward."""
    clips = config.batch.identities * config.batch.instances
    return 3 * 2 * multiply_adds(config) * clips * steps(config)


def hours(config: RunConfig) -> float:
    """Training hours on one A100 by the formula of this module."""
    return flops(config) / (UTILISATION * PEAK) / 3600


def multiply_adds(config: RunConfig) -> int:
    """Multiply-adds of the forward pass of one clip."""
    model = config.model
    ids = IDENTITIES.get(config.data.source, 1)
    return _multiply_adds(
        model.name, model.image_size, json.dumps(model.options, sort_keys=True), config.clips.clip_len, ids
    )


@functools.cache
def _multiply_adds(
    name: str, image_size: tuple[int, int] | None, options: str, frames: int, num_ids: int
) -> int:
    keywords = {key: as_tuples(value) for key, value in json.loads(options).items()}
    if image_size is not None:
        keywords["image_size"] = image_size
    with torch.device("meta"):  # nothing is allocated, nothing initialised
        model = build_model(name, num_ids=num_ids, options=keywords)
    return measure_complexity(model, (1, frames, 3, *model.image_size)).multiply_adds
