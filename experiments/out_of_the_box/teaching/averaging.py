"""A running mean of the weights over the steps, which is what is scored and shipped."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a network's weights and of its norms' statistics.

    Args:
        model: copied.
        decay: how much of the mean stays at every step; less in the first steps.

    """

    def __init__(self, model: nn.Module, *, decay: float = 0.998) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take the weights of step `step`, counted from 0, into the mean."""
        keep = min(self.decay, (step + 1) / (step + 10))
        for mean, new in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
            else:
                mean.copy_(new)
