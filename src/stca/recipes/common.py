"""What the paper's runs have in common (section 4.2).

Hours in the recipes' docstrings are derived, not measured: 3 x forward multiply-adds x 2 flops x clips x
steps, at 30 % of one A100's 312 TFLOP/s in bf16; testing comes on top
(`experiments/paper/training_cost.py` and a test).
An epoch of MARS counts 235 steps, all its groups of four; some 223 of them are
made, for the last groups are too few persons' to fill a batch. All start from random weights unless
`model.weights` names pretrained ones, as the paper had them.
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
    """A run as the paper has it, but for what is given.

    Args:
        name: the recipe's.
        source: the data set.
        model: the network.
        options: of the network.
        image_size: (H, W).
        clip_len: T.
        metric: of the triplet mining.
        batch: 8 x 4 clips unless given.
        epochs: how many, on the decided schedule.
        optim: another schedule.

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
    """3.5e-4, and a tenth of it after 4/9 of the epochs, which is the official code's 200 of 450."""
    return OptimConfig(epochs=epochs, milestones=(epochs * 4 // 9,))


def literal_schedule() -> OptimConfig:
    """The paper's words: "multiplied by 0.1 after every 10 epochs", over 450 of them."""
    return OptimConfig(epochs=450, milestones=tuple(range(10, 450, 10)))
