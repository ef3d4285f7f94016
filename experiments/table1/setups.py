"""The systems of table 1 and the data sets of their small comparison."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from experiments.attention.setups import Setup
from experiments.paper.tables import BUILT

from stca.config import BatchConfig, ClipConfig, DataConfig, LossConfig, ModelConfig, OptimConfig, RunConfig
from stca.models import PEERS
from stca.walkers.plan import Settings

SYSTEMS: Mapping[str, str] = {
    "STCA": "stca",
    **BUILT,
    "TCLNet": "tclnet",
    "SINet": "sinet",
    "PSTA": "psta",
    "GRL": "grl",
}
"""Models by their rows in table 1; the last four are not in it."""

SIZE, CLIP_LEN = (64, 32), 8
BICNET_SIZE = (128, 64)
"""It takes multiples of 64 pixels only: the same pictures, enlarged."""
SMALL: Mapping[str, object] = {"layers": (1, 2, 2, 1), "width": 8}
"""In place of ResNet-50's blocks and width: the fewest blocks in which every system has its parts."""

TRAIN_PERSONS, TEST_PERSONS = 32, 20

SETUPS: Mapping[str, Setup] = {
    "walkers": Setup(nuisances=1.0, frames=(12, 20), instances=2, epochs=16),
    "twins": Setup(nuisances=0.1, frames=(12, 20), instances=2, epochs=32),
}
"""Twins look the same and walk differently: what tells them apart is in no single frame."""


def model_config(system: str) -> ModelConfig:
    """The small relative of a system: 64x32 pixels, an eighth of the channels, 6 blocks in place of 16."""
    name = SYSTEMS[system]
    options = dict(SMALL) if name in PEERS else {**SMALL, "stem_frames": 3}
    if name in PEERS:
        options["clip_len"] = CLIP_LEN
    return ModelConfig(name, BICNET_SIZE if name == "bicnet_tks" else SIZE, options)


def run_config(system: str, data: str, seed: int, root: Path) -> RunConfig:
    """A run; systems differ in the model only, and in the losses where they have no classifier."""
    setup = SETUPS[data]
    by = "authors" if SYSTEMS[system] in ("trinet", "grl") else "stca"
    return RunConfig(
        recipe="table1_tiny",
        data=DataConfig("walkers", (str(root),)),
        model=model_config(system),
        clips=ClipConfig(CLIP_LEN),
        batch=BatchConfig(instances=setup.instances),
        loss=LossConfig(by=by),  # type: ignore[arg-type]
        optim=OptimConfig(setup.epochs, lr=1e-3, milestones=(setup.epochs * 7 // 10,), warmup_epochs=1),
        seed=seed,
        precision="float32",
        workers=0,
        log_every=10,
    )


def walkers(data: str, seed: int) -> Settings:
    """People and cameras of a seed."""
    return SETUPS[data].walkers(
        train_persons=TRAIN_PERSONS,
        test_persons=TEST_PERSONS,
        cameras=3,
        size=SIZE,
        seed=seed,
        twins=data == "twins",
        distractors=0,
        junk=0,
    )


def table_file(args: argparse.Namespace) -> Path:
    """The CSV with all measurements."""
    return Path(args.out / "table1.csv")
