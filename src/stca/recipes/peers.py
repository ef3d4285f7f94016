"""The systems of table 1 and their relatives on MARS, DukeMTMC-VideoReID and iLIDS-VID.

One table makes them all: `nvan_mars`, `nvan_duke`, `nvan_ilids`, and so on. Settings are those of MARS runs.
Where `read_in_script` is true, most of them were read in the authors' published script; all others are
remembered, not verified, and to be checked before a figure is held against its authors. There are 8 x 4 clips
(16 x 2 on iLIDS-VID, whose persons have two tracklets), Adam, and no centre loss; an epoch is one group of
every person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from stca.config import (
    BatchConfig,
    ClipConfig,
    DataConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
)
from stca.models import PEERS
from stca.models.peers import SYSTEMS

Recipe = Callable[[], RunConfig]


@dataclass(frozen=True)
class Training:
    """How a system is trained.

    Args:
        multiply_adds: of a clip, in billions (10^9).
        epochs: of one group of every person.
        lr: learning rate.
        milestones: epochs after which it falls.
        gamma: by what.
        warmup: epochs.
        sampling: frames of a clip; see `stca.clips.sample_clips`.
        metric: of the triplet loss; `LossConfig`'s default where there is none.
        smoothing: of the labels.
        losses_of: whose losses; see `LossConfig.by`.
        origin: where the settings are from, and what is different.
        read_in_script: whether they were read in the authors' published script.

    """

    multiply_adds: float
    epochs: int
    lr: float
    milestones: tuple[int, ...]
    gamma: float = 0.1
    warmup: int = 0
    sampling: Literal["consecutive", "strided", "restricted"] = "strided"
    metric: Literal["cosine", "euclidean"] = "euclidean"
    smoothing: float = 0.0
    losses_of: Literal["stca", "authors"] = "stca"
    origin: str = "Settings: from memory of the paper, not verified."
    read_in_script: bool = False


TRAININGS: dict[str, Training] = {
    "trinet": Training(
        10.69,
        320,
        3e-4,
        (192, 256),
        sampling="restricted",
        losses_of="authors",
        origin="Settings: the paper's 25,000 steps, of 18 x 4 images there, decay exponential; not verified.",
    ),
    "resnet50tp": Training(8.38, 800, 3e-4, (200, 400, 600), sampling="consecutive", smoothing=0.1),
    "se_resnet50_cosam45_tp": Training(
        16.36,
        800,
        3e-4,
        (200, 400, 600),
        sampling="consecutive",
        smoothing=0.1,
        origin="Settings: those of RevisitTempool, whose training its code takes over; not verified.",
    ),
    "sta": Training(16.22, 800, 3e-4, (200, 400), losses_of="authors"),
    "gltr": Training(
        42.72, 400, 3.5e-4, (300,), metric="cosine", sampling="consecutive", losses_of="authors"
    ),
    "nvan": Training(
        63.56,
        200,
        1e-4,
        (50, 100, 150),
        sampling="restricted",
        origin="Settings: of its run_NL.sh; but the learning rate is the paper's 1e-4, not 1e-3.",
        read_in_script=True,
    ),
    "ap3dres50": Training(17.45, 240, 3e-4, (60, 120, 180), metric="cosine"),
    "bicnet_tks": Training(15.24, 150, 3.5e-4, (40, 80, 120), metric="cosine", losses_of="authors"),
    "stmn": Training(
        47.50,
        200,
        1e-4,
        (50, 100, 150),
        sampling="restricted",
        losses_of="authors",
        origin="Settings: of its training script; the memories' losses are ours.",
        read_in_script=True,
    ),
    "stcan": Training(
        32.48,
        150,
        3.5e-4,
        (40, 80, 120),
        origin="Settings: ours; so are the layers: not the authors' network, so no published figure is its.",
    ),
    "tclnet": Training(16.23, 150, 3.5e-4, (40, 80, 120), metric="cosine", losses_of="authors"),
    "sinet": Training(16.31, 160, 3.5e-4, (40, 80, 120), metric="cosine"),
    "psta": Training(
        37.34,
        500,
        3.5e-4,
        (70, 140, 210, 310, 410),
        gamma=0.3,
        warmup=10,
        sampling="restricted",
        smoothing=0.1,
        losses_of="authors",
    ),
    "grl": Training(57.96, 150, 3.5e-4, (40, 80, 120), metric="cosine", losses_of="authors"),
}
"""By model: one per system."""

DATA = {"mars": "mars", "duke": "duke_video", "ilids": "ilids_vid"}
"""Data sources by the name in a recipe."""
_TITLES = {"mars": "MARS", "duke": "DukeMTMC-VideoReID", "ilids": "one split of iLIDS-VID"}
_STEPS = {"mars": 625 // 8, "duke": 702 // 8, "ilids": 150 // 16}
"""Per epoch."""


def peer_run(name: str, data: str) -> RunConfig:
    """The run of a key of `TRAININGS` on a key of `DATA`."""
    training, peer = TRAININGS[name], PEERS[name]
    batch = BatchConfig(epoch="one-group")
    distance: Literal["cosine", "euclidean"] = "euclidean" if _euclidean(name) else "cosine"
    return RunConfig(
        recipe=f"{name}_{data}",
        data=DataConfig(source=DATA[data]),
        model=ModelConfig(name=name, image_size=peer.image_size),
        clips=ClipConfig(clip_len=peer.clip_len, sampling=training.sampling),
        batch=replace(batch, identities=16, instances=2) if data == "ilids" else batch,
        loss=LossConfig(
            metric=training.metric,
            label_smoothing=training.smoothing,
            center_weight=0.0,
            by=training.losses_of,
        ),
        optim=OptimConfig(
            epochs=training.epochs,
            lr=training.lr,
            milestones=training.milestones,
            gamma=training.gamma,
            warmup_epochs=training.warmup,
        ),
        eval=EvalConfig(metric=distance),
    )


def _euclidean(name: str) -> bool:
    """Whether its authors' tests compare vectors so."""
    return SYSTEMS[PEERS[name].system].distance == "euclidean"


def _recipe(name: str, data: str) -> Recipe:
    def make() -> RunConfig:
        return peer_run(name, data)

    make.__name__ = make.__qualname__ = f"{name}_{data}"
    make.__doc__ = _words(name, data)
    return make


def _words(name: str, data: str) -> str:
    """As the docstrings of the other recipes."""
    training, peer = TRAININGS[name], PEERS[name]
    steps = training.epochs * _STEPS[data]
    adds = training.multiply_adds
    hours = 3 * 2 * adds * 1e9 * 32 * steps / (0.30 * 312e12) / 3600
    split, of_split = (" data.split=0", " a split") if data == "ilids" else ("", "")
    size = "x".join(map(str, peer.image_size))
    figure = peer.in_table_1(data)
    if _euclidean(name):
        figure = figure.replace(" (table 1)", " by `eval.metric=euclidean` (table 1)")
    return f"""{peer.system} on {_TITLES[data]}, {size}, {peer.clip_len} frames, {training.epochs} epochs.

    Command: stca train {name}_{data} --data /data/{data} --out runs/{name}_{data}{split}
    Hours: {hours:.2g}{of_split} on one A100, derived, not measured: {adds:.2f} G multiply-adds a
    clip, {steps:,} steps of 32 clips.
    The paper's figure: {figure}
    {training.origin}
    """


PEER_RECIPES: dict[str, Recipe] = {
    f"{name}_{data}": _recipe(name, data) for data in DATA for name in TRAININGS
}
"""By name."""
