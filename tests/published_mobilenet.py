"""Published MobileNetV2 weights by name and shape, for tests."""

import torch
from torch import Tensor

BLOCKS = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
"""Expansion, channels, blocks: table 2 of the paper."""


def published(*, nested: bool) -> dict[str, Tensor]:
    """Names and shapes as published, written down without our classes; `nested` is torchvision's naming."""
    generator = torch.Generator().manual_seed(3)
    state: dict[str, Tensor] = {}

    def layer(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        state[f"{conv}.weight"] = torch.rand(shape, generator=generator)
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{leaf}"] = torch.rand(shape[0], generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("features.0.0", "features.0.1", (32, 3, 3, 3))
    inputs, number = 32, 0
    for expansion, channels, count in BLOCKS:
        for _ in range(count):
            number += 1
            hidden, place, at = inputs * expansion, f"features.{number}.conv", 0
            wide = [((hidden, inputs, 1, 1), 3)] if expansion > 1 else []
            for shape, step in (*wide, ((hidden, 1, 3, 3), 3), ((channels, hidden, 1, 1), 2)):
                if not nested:
                    layer(f"{place}.{at}", f"{place}.{at + 1}", shape)
                    at += step
                elif step == 3:
                    layer(f"{place}.{at}.0", f"{place}.{at}.1", shape)
                    at += 1
                else:
                    layer(f"{place}.{at}", f"{place}.{at + 1}", shape)
            inputs = channels
    layer("features.18.0", "features.18.1", (1280, inputs, 1, 1))
    state["classifier.1.weight"] = torch.rand((1000, 1280), generator=generator)
    state["classifier.1.bias"] = torch.rand(1000, generator=generator)
    return state
