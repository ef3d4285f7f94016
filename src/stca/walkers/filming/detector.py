"""Boxes as an imperfect detector would give them for a person over time."""

from __future__ import annotations

import numpy as np

from stca.walkers.filming.walks import Walk
from stca.walkers.places.cameras import Camera, Window


def follow(rng: np.random.Generator, walk: Walk, camera: Camera, strength: float, junk: bool) -> list[Window]:
    """The detector's boxes: they follow the place, not the pose, and are off by a bias and a jitter."""
    frames = len(walk.path)
    bias, growth = strength * rng.normal(0, 0.03, 2), float(np.exp(strength * rng.normal(0, 0.05)))
    jitter = strength * _wander(rng, frames, 3) * np.array([0.016, 0.014, 0.016])
    aspect = 0.47 * float(np.exp(strength * rng.normal(0, 0.06)))
    cut, cut_share = rng.random() < 0.10 * strength, float(rng.uniform(0.1, 0.34))
    cut_from = float(rng.choice([0.0, 1.0], p=[0.25, 0.75]))
    if junk:
        bias, growth = rng.choice([-1, 1], 2) * rng.uniform(0.22, 0.45, 2), float(rng.uniform(0.45, 1.3))
    windows = []
    for t, at in enumerate(walk.path):
        ends = np.array([[at.x, 0, at.z], [at.x, walk.walker.build.height, at.z]], np.float32)
        foot, top = camera.project(ends)
        tall = 1.10 * float(foot[1] - top[1]) * growth * float(np.exp(jitter[t, 2]))
        x = float(foot[0] + top[0]) / 2 + (bias[0] + jitter[t, 0]) * tall
        y = float(foot[1] + top[1]) / 2 + (bias[1] + jitter[t, 1]) * tall
        wide, start = aspect * tall, y - tall / 2
        if cut:
            gone = tall * (cut_share if cut_from else cut_share * 0.5)
            start, tall = start + (0 if cut_from else gone), tall - gone
        windows.append(Window(x - wide / 2, start, wide, tall, (1, 1)))
    return windows


def _wander(rng: np.random.Generator, frames: int, columns: int) -> np.ndarray:
    """Correlated noise of unit size: half of it lasts from frame to frame."""
    steps = rng.normal(size=(frames, columns))
    for t in range(1, frames):
        steps[t] = 0.6 * steps[t - 1] + 0.8 * steps[t]
    return steps
