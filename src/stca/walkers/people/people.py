"""Who walks: build, clothes and gait of every person, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stca.walkers.people.gait import Gait
from stca.walkers.people.looks import Build, Outfit, draw_build, draw_outfit

# Strides a second of the slow and of the fast twin. By FRAMES_PER_SECOND in footage.py eight frames
# then show 0.54 and 1.25 strides: more than one step of either, so both show the whole set of poses.
TWIN_FREQUENCIES = (0.85, 1.95)


@dataclass(frozen=True, slots=True)
class Walker:
    """One person.

    Args:
        build, outfit, gait: how the person looks and moves.
        pace: metres a second over the ground; None follows from the gait. Twins share it, or else the
            background that passes behind them would tell them apart.

    """

    build: Build
    outfit: Outfit
    gait: Gait
    pace: float | None = None


def draw_walker(rng: np.random.Generator) -> Walker:
    """A random person."""
    return Walker(draw_build(rng), draw_outfit(rng), draw_gait(rng))


def draw_twins(rng: np.random.Generator) -> tuple[Walker, Walker]:
    """Two persons whom no single frame tells apart.

    They share build, clothes and the whole cycle of poses, and go through it at different speeds. A tracklet
    starts at a uniformly random phase, so in any single frame the phase of either twin is uniform: the
    distributions of their frames are identical. Over time the slow one needs almost twice as long a stride.
    """
    first = draw_walker(rng)
    slow, fast = (float(f * np.exp(rng.normal(0, 0.02))) for f in TWIN_FREQUENCIES)
    twins = [replace(first, gait=replace(first.gait, frequency=f), pace=1.35) for f in (slow, fast)]
    if rng.random() < 0.5:
        twins.reverse()
    return twins[0], twins[1]


def draw_gait(rng: np.random.Generator) -> Gait:
    """A random way to walk."""
    swing = float(np.clip(rng.normal(0.4, 0.14), 0.05, 0.8))
    left, right = swing * rng.uniform(0.7, 1.2, 2)
    elbow = float(np.clip(rng.normal(0.3, 0.15), 0.05, 0.9))
    elbows = [elbow, elbow]
    if rng.random() < 0.15:  # one hand holds something, or is in a pocket
        side = int(rng.integers(2))
        elbows[side] = float(rng.uniform(0.9, 1.7))
        left, right = (left * 0.25, right) if side == 0 else (left, right * 0.25)
    return Gait(
        frequency=float(np.clip(rng.normal(0.95, 0.1), 0.72, 1.25)),
        stride=float(np.clip(rng.normal(1.0, 0.13), 0.65, 1.35)),
        knee=float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.25)),
        arm_swing=(float(left), float(right)),
        elbow=(elbows[0], elbows[1]),
        bounce=float(abs(rng.normal(0.008, 0.01))),
        lean=float(np.clip(rng.normal(0.04, 0.04), -0.03, 0.18)),
        sway=float(abs(rng.normal(0.014, 0.008))),
        twist=float(abs(rng.normal(0.08, 0.05))),
        stance=float(np.clip(rng.normal(0.015, 0.02), -0.02, 0.07)),
    )
