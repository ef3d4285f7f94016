"""The learning rate: up quickly, then constant, then down to nothing at the end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Warm-up, plateau, linear decay: the end can be moved while the plateau lasts, to go on for longer.

    Args:
        peak: the plateau.
        steps: in all.
        warm: steps of warm-up.
        decay: part of the steps in which the rate goes down.
        begun: the step at which the optimizer was new, from which it is warmed up.

    """

    peak: float
    steps: int
    warm: int = 200
    decay: float = 0.3
    begun: int = 0

    def rate(self, step: int) -> float:
        """Of step `step`, counted from 0."""
        left = (self.steps - step) / max(1, round(self.steps * self.decay))
        return self.peak * max(0.0, min(1.0, (step - self.begun + 1) / self.warm, left))
