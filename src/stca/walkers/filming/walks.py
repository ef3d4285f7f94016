"""Who walks where: the person a tracklet follows, and who and what else comes into the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stca.walkers.filming.renderer import Standing
from stca.walkers.people.people import Walker
from stca.walkers.places.cameras import Camera
from stca.walkers.places.nuisances import Nuisances
from stca.walkers.places.props import Prop, draw_prop

FRAMES_PER_SECOND = 12.5
_OCCLUDERS = ("pole", "pole", "pole", "bench", "bench", "wall", "car", "bush", "bicycle", "bin")

Things = list[tuple[Prop, tuple[float, float]]]
"""Props and their places (X, Z) on the ground."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way through the picture: where they are and at which phase, frame by frame."""

    walker: Walker
    path: tuple[Standing, ...]
    phases: tuple[float, ...]


def draw_walk(
    rng: np.random.Generator,
    walker: Walker,
    *,
    start: tuple[float, float],
    heading: float,
    frames: int,
    middle: float,
) -> Walk:
    """A straight walk that passes `start` (X, Z) at frame `middle`, from a random phase of the stride."""
    pace = walker.pace if walker.pace is not None else walker.gait.speed(0.5 * walker.build.height)
    pace *= float(np.exp(rng.normal(0, 0.06)))
    frequency = walker.gait.frequency * float(np.exp(rng.normal(0, 0.02)))
    first = float(rng.uniform(0, 2 * np.pi))
    times = np.arange(frames) / FRAMES_PER_SECOND
    travelled = (np.arange(frames) - middle) / FRAMES_PER_SECOND * pace
    path = [
        Standing(start[0] + d * np.sin(heading), start[1] + d * np.cos(heading), heading) for d in travelled
    ]
    return Walk(walker, tuple(path), tuple(float(first + 2 * np.pi * frequency * t) for t in times))


def main_walk(rng: np.random.Generator, walker: Walker, camera: Camera, frames: int, n: Nuisances) -> Walk:
    """The way of the person a tracklet follows: along the axis of the camera, one way or the other."""
    freedom = min(n.viewpoint, 2.0)
    heading = camera.axis + np.pi * int(rng.integers(2)) + freedom * float(rng.normal(0, 0.15))
    if n.viewpoint == 0:
        heading = np.pi / 2
    start = (float(rng.uniform(-1.6, 1.6)), float(camera.distance + freedom * rng.uniform(-1.0, 1.5)))
    return draw_walk(rng, walker, start=start, heading=float(heading), frames=frames, middle=(frames - 1) / 2)


def company(
    rng: np.random.Generator, walk: Walk, n: Nuisances, passers_by: Callable[[int], Walker]
) -> tuple[list[Walk], Things]:
    """Who and what else is in the picture."""
    people, props = [walk], []
    frames = len(walk.path)
    # The draws are made whether they are used or not, so that a dial changes nothing but its own nuisance.
    happens = rng.random(3) < np.minimum(np.array([0.28, 0.14, 0.25]) * n.occlusion, [0.9, 0.8, 0.9])
    own = np.random.default_rng(rng.integers(2**63))
    if happens[0]:
        at = walk.path[int(own.integers(frames))]
        closer = float(own.uniform(0.6, 2.4))
        # On the line from the camera to the person, a little aside.
        x = at.x * (at.z - closer) / at.z + float(own.normal(0, 0.28))
        props.append((draw_prop(own, str(own.choice(_OCCLUDERS))), (x, at.z - closer)))
    if happens[1]:
        people.append(_crosser(own, walk, passers_by))
    if happens[2]:
        people.append(_companion(own, walk, passers_by))
    return people, props


def _crosser(rng: np.random.Generator, walk: Walk, passers_by: Callable[[int], Walker]) -> Walk:
    """Somebody who passes between camera and person, quickly: against them, or across."""
    frames = len(walk.path)
    middle = int(rng.integers(frames))
    at, closer = walk.path[middle], float(rng.uniform(0.5, 1.5))
    sideways = abs(np.sin(at.heading)) > 0.6
    heading = at.heading + np.pi if sideways else np.pi / 2 + np.pi * int(rng.integers(2))
    start = (at.x * (at.z - closer) / at.z + float(rng.normal(0, 0.2)), at.z - closer)
    other = passers_by(int(rng.integers(8)))
    heading = float(heading + rng.normal(0, 0.2))
    return draw_walk(rng, other, start=start, heading=heading, frames=frames, middle=middle)


def _companion(rng: np.random.Generator, walk: Walk, passers_by: Callable[[int], Walker]) -> Walk:
    """Somebody farther from the camera: at the person's side, or on their own way."""
    frames = len(walk.path)
    middle = int(rng.integers(frames))
    at = walk.path[middle]
    if rng.random() < 0.5:
        aside = float(rng.uniform(0.55, 0.9)) * (1 if np.sin(at.heading) < 0 else -1)
        # To the right of the heading is (cos, -sin): take the side that is farther away.
        start = (at.x + aside * float(np.cos(at.heading)), at.z - aside * float(np.sin(at.heading)))
        heading = at.heading
    else:
        farther = float(rng.uniform(0.5, 3.0))
        start = (at.x * (at.z + farther) / at.z + float(rng.normal(0, 0.5)), at.z + farther)
        heading = float(rng.uniform(0, 2 * np.pi))
    other = passers_by(int(rng.integers(8)))
    return draw_walk(rng, other, start=start, heading=heading, frames=frames, middle=middle)
