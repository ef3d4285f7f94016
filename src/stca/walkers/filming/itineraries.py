"""Who is in front of which camera when, and on which way: the plan of a whole scene."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from stca.errors import ConfigError
from stca.walkers.filming.renderer import Standing
from stca.walkers.filming.walks import FRAMES_PER_SECOND, Walk
from stca.walkers.people.people import Walker, draw_walker
from stca.walkers.places.cameras import FOCAL_LENGTH, FRAME, Camera, draw_camera
from stca.walkers.places.nuisances import Nuisances
from stca.walkers.places.scenes import wall_at
from stca.walkers.plan import Seed, check_range

SCENE_VERSION = 1
"""Of the pictures: raised whenever the same settings give other scenes."""

_BACK = 3.0  # least seconds until a person returns to the same picture
_OUTSIDE = 0.8  # metres beyond the edge of the picture where ways begin and end


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Everything that decides a scene; the recipe in `scene.json`.

    Args:
        cameras: 1 to 16.
        persons: 1 to 999.
        seconds: of every video, 1 to 3600.
        height: of the pictures, pixels; the width is 16 / 9 of it. Both must be even.
        seed: of everything random.
        nuisances: `colour`, `viewpoint`, `background`, `blur`, `noise` and `compression` count.

    Raises:
        ConfigError: a number out of its range.

    """

    cameras: int
    persons: int
    seconds: int
    height: int
    seed: int
    nuisances: Nuisances

    def __post_init__(self) -> None:
        check_range("cameras", self.cameras, 1, 16)
        check_range("persons", self.persons, 1, 999)
        check_range("seconds", self.seconds, 1, 3600)
        check_range("height", self.height, 72, 1080)
        check_range("seed", self.seed, 0, 2**63 - 1)
        if self.height % 18:
            nearest = max(72, round(self.height / 18) * 18)
            raise ConfigError(
                "The pictures are 16:9 in even numbers of pixels",
                expected=f"a multiple of 18, for example {nearest}",
                found=f"height {self.height}",
            )

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures."""
        return self.height, self.height * 16 // 9

    @property
    def frames(self) -> int:
        """Of every video."""
        return round(self.seconds * FRAMES_PER_SECOND)

    def recipe(self) -> dict[str, object]:
        """As it is written to `scene.json`."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return {"made_by": "stca.datasets.walkers.scene", "version": SCENE_VERSION, **plain}


@dataclass(frozen=True, slots=True)
class Visit:
    """One way of one person through one camera's picture.

    `first` is the frame (from 0) of its first step. It may be negative, and the last step may lie behind
    the video's end: the video then begins or ends in the middle of the way.
    """

    person: int
    camera: int
    first: int
    walk: Walk

    @property
    def last(self) -> int:
        """The frame of the last step."""
        return self.first + len(self.walk.path) - 1


def camera_of(settings: SceneSettings, camera: int) -> Camera:
    """Camera 1, 2, ... of a scene."""
    rng = np.random.default_rng((settings.seed, Seed.SCENE_CAMERA, camera))
    return draw_camera(rng, camera - 1, settings.cameras, settings.nuisances)


@lru_cache(maxsize=1024)
def walker_of(seed: int, person: int) -> Walker:
    """Person 1, 2, ... of a scene; others than those of `make_walkers` with the same seed."""
    return draw_walker(np.random.default_rng((seed, Seed.SCENE_PERSON, person)))


def travel_times(settings: SceneSettings) -> np.ndarray:
    """(cameras, cameras) seconds from one camera's picture into another's, at least; symmetric."""
    rng = np.random.default_rng((settings.seed, Seed.TRAVEL))
    times = np.round(rng.uniform(2.0, 7.0, (settings.cameras, settings.cameras)), 1)
    times = np.maximum(times, times.T)
    np.fill_diagonal(times, _BACK)
    return times


def itineraries(settings: SceneSettings) -> list[Visit]:
    """All visits that fall into the videos, by camera, then by time."""
    visits = [v for person in range(1, settings.persons + 1) for v in _of_person(settings, person)]
    return sorted(visits, key=lambda v: (v.camera, v.first, v.person))


def _of_person(settings: SceneSettings, person: int) -> Iterator[Visit]:
    """From camera to camera, never in two at once, until the videos end."""
    rng = np.random.default_rng((settings.seed, Seed.ITINERARY, person))
    travel, walker = travel_times(settings), walker_of(settings.seed, person)
    now = float(rng.uniform(-8.0, min(20.0, 0.4 * settings.seconds)))
    at = int(rng.integers(settings.cameras))
    while now < settings.seconds:
        walk = _draw_way(rng, walker, camera_of(settings, at + 1))
        visit = Visit(person, at + 1, round(now * FRAMES_PER_SECOND), walk)
        if visit.last >= 0:
            yield visit
        others = [camera for camera in range(settings.cameras) if camera != at]
        to = at if not others or rng.random() < 0.25 else int(rng.choice(others))
        # One frame more than the travel time, for rounding.
        now = (visit.last + 2) / FRAMES_PER_SECOND + float(travel[at, to] + rng.exponential(3.0))
        at = to


def _draw_way(rng: np.random.Generator, walker: Walker, camera: Camera) -> Walk:
    """Through the picture from side to side, or in, around, and out again at the side of entry."""
    bottom = camera.ground(np.array([FRAME[0] - 1.0]), np.array([FRAME[1] / 2]))
    near = float(bottom[1][0]) + 0.3  # where feet are just inside the picture
    far = max(near + 2.0, min(wall_at(camera) - 0.8, camera.distance + 5.0))
    side, back = int(rng.choice([-1, 1])), rng.random() < 0.3
    start, middle, end = rng.uniform(near, far, 3)
    if back and abs(start - end) < 1.2:  # room to turn round
        end = start + (1.5 if start < (near + far) / 2 else -1.5)
    turn = -side * rng.uniform(0.2, 1.0) if back else rng.uniform(-0.5, 0.5)
    corners = np.array(
        [
            (side * (_half_width(camera, start) + _OUTSIDE), start),
            (turn * _half_width(camera, middle), middle),
            ((side if back else -side) * (_half_width(camera, end) + _OUTSIDE), end),
        ]
    )
    return _walk_along(rng, walker, corners)


def _half_width(camera: Camera, z: float) -> float:
    """Metres from the middle to the side of what the camera sees at a distance along the ground."""
    depth = np.sin(camera.pitch) * camera.height + np.cos(camera.pitch) * z
    return float(0.5 * FRAME[1] / FOCAL_LENGTH * depth)


def _walk_along(rng: np.random.Generator, walker: Walker, corners: np.ndarray) -> Walk:
    """At an even pace along a quadratic Bezier curve (X, Z), one step per frame."""
    t = np.linspace(0, 1, 400)[:, None]
    curve = (1 - t) ** 2 * corners[0] + 2 * t * (1 - t) * corners[1] + t**2 * corners[2]
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    pace = walker.pace if walker.pace is not None else walker.gait.speed(0.5 * walker.build.height)
    pace *= float(np.exp(rng.normal(0, 0.06)))
    steps = np.arange(0, along[-1], pace / FRAMES_PER_SECOND)
    x, z = (np.interp(steps, along, curve[:, axis]) for axis in (0, 1))
    ahead_x, ahead_z = (np.interp(steps + 0.25, along, curve[:, axis]) for axis in (0, 1))
    behind_x, behind_z = (np.interp(steps - 0.25, along, curve[:, axis]) for axis in (0, 1))
    heading = np.arctan2(ahead_x - behind_x, ahead_z - behind_z)
    frequency = walker.gait.frequency * float(np.exp(rng.normal(0, 0.02)))
    phases = rng.uniform(0, 2 * np.pi) + 2 * np.pi * frequency / FRAMES_PER_SECOND * np.arange(len(steps))
    path = tuple(Standing(float(a), float(b), float(c)) for a, b, c in zip(x, z, heading, strict=True))
    return Walk(walker, path, tuple(map(float, phases)))
