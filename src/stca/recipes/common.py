"""The settings shared by the paper's runs (section 4.2).

Hours in the recipes' docstrings are derived, not measured: 3 x forward multiply-adds x 2 flops x clips x
steps, at 30 % of one A100's 312 TFLOP/s in bf16; testing comes on top
(`experiments/paper/training_cost.py` and a test).
An epoch of MARS is counted as 235 steps, all its groups of four; about 223 of them are run, since the last
groups belong to too few persons to fill a batch. Training starts from random weights unless `model.weights`
names pretrained ones, which the paper uses.
"""

from __future__ import annotations

from typing import Any, Literal

from stca.config import BatchConfig, ClipConfig, DataConfig, LossConfig, ModelConfig, OptimConfig, RunConfig


def paper_run(
    name: str,
    *,
    source: str = "mars",
    model: str = "stca",
    options: dict[str, Any] | None = None,
    image_size: tuple[int, int] = (384, 128),
    clip_len: int = 8,
    metric: Literal["cosine", "euclidean"] = "cosine",
    batch: BatchConfig | None = None,
    epochs: int = 450,
    optim: OptimConfig | None = None,
) -> RunConfig:
    """The paper's training run, changed by the arguments.

    Args:
        name: name of the recipe.
        source: data set type.
        model: name of the model.
        options: options of the model.
        image_size: (H, W) in pixels.
        clip_len: frames per clip.
        metric: distance of the triplet mining.
        batch: default: 8 identities x 4 clips.
        epochs: number of epochs of the default schedule.
        optim: another schedule; `epochs` is then ignored.

    """
    return RunConfig(
        recipe=name,
        data=DataConfig(source=source),
        model=ModelConfig(name=model, image_size=image_size, options=options or {}),
        clips=ClipConfig(clip_len=clip_len),
        batch=batch or BatchConfig(),
        loss=LossConfig(metric=metric),
        optim=optim or default_schedule(epochs),
    )


def default_schedule(epochs: int) -> OptimConfig:
    """Learning rate 3.5e-4, times 0.1 after 4/9 of the epochs: the official code's 200 of 450."""
    return OptimConfig(epochs=epochs, milestones=(epochs * 4 // 9,))


def literal_schedule() -> OptimConfig:
    """The schedule as the paper words it: "multiplied by 0.1 after every 10 epochs", for 450 epochs."""
    return OptimConfig(epochs=450, milestones=tuple(range(10, 450, 10)))
