"""Filming a whole scene: the pictures of one fixed camera, and where everybody is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32
from PIL import ImageFilter

from stca.boxes import MotRow
from stca.walkers.filming.itineraries import SceneSettings, Visit, camera_of
from stca.walkers.filming.renderer import Bones, Canvas, paint_person, paint_shadow, place_bones
from stca.walkers.filming.walks import FRAMES_PER_SECOND
from stca.walkers.people.body import dress, skeleton
from stca.walkers.people.gait import pose
from stca.walkers.people.people import Walker
from stca.walkers.people.surfaces import Surface
from stca.walkers.places.cameras import FOCAL_LENGTH, FRAME, WHOLE, Camera, Window
from stca.walkers.places.props import paint_prop
from stca.walkers.places.scenes import cut, empty_scene
from stca.walkers.places.sensors import Crop, develop
from stca.walkers.plan import Seed

LEAST_INSIDE = 0.15
"""Of a person must be inside the picture for a row of the ground truth."""

_COARSEST, _FINER = 0.04, 1.35  # metres between the points of a surface, and how much finer the next one is

Mask = Float32[np.ndarray, "H W"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A camera's place without people.

    Args:
        canvas: (H, W, 3) with everything that stands there, linear light.
        depths: of the things that stand there, nearest first, metres.
        through: one (H, W) mask more than things: how much of what is behind the nearest 0, 1, 2, ... of them
            is seen, 0 to 1.

    """

    canvas: Canvas
    depths: tuple[float, ...]
    through: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class _Actor:
    """One person in one frame: how they stand, and which pixels they and their shadow can reach."""

    person: int
    walker: Walker
    depth: float
    bones: Bones
    box: tuple[float, float, float, float]  # left, top, right, bottom of the whole body, in pixels
    inside: float  # share of the body inside the picture
    reach: tuple[float, float, float, float]  # likewise with the shadow


def film_scene(
    settings: SceneSettings, camera: int, visits: Sequence[Visit], first: int, count: int
) -> Iterator[tuple[Crop, list[MotRow]]]:
    """Pictures `first` (from 0) and on of one camera, (H, W, 3) uint8, and the boxes of the people in them.

    Boxes hold the whole body, also what is hidden or outside the picture; `visibility` is the share of the
    body that is neither.
    """
    eye, stage = camera_of(settings, camera), _stage(settings, camera)
    there = [v for v in visits if v.camera == camera and v.first < first + count and v.last >= first]
    for frame in range(first, first + count):
        actors = [_actor(v, frame - v.first, eye, settings.size) for v in there if v.first <= frame <= v.last]
        canvas, rows = _paint(stage, actors, eye, frame)
        rng = np.random.default_rng((settings.seed, Seed.SCENE_FRAME, camera, frame))
        light = np.float32(_drift(settings, camera, frame))
        yield develop(rng, canvas * light, eye.sensor, _window(settings.size, None), settings.size), rows


@lru_cache(maxsize=8)
def _stage(settings: SceneSettings, number: int) -> Stage:
    camera = camera_of(settings, number)
    image, clutter = empty_scene(camera)
    canvas = cut(image.filter(ImageFilter.GaussianBlur(0.8)), _window(settings.size, None))
    layers = []
    for prop, place in clutter:  # farthest first
        black, white = np.zeros_like(canvas), np.ones_like(canvas)
        for sheet in (black, white):
            paint_prop(sheet, prop, camera=camera, window=WHOLE, place=place, light=camera.light)
        hidden = np.clip(1 - (white - black), 0, 1)
        canvas = canvas * (1 - hidden) + black
        layers.append((place[1], hidden[:, :, 0]))
    through = [np.ones(settings.size, np.float32)]
    for _, hidden in reversed(layers):
        through.append(through[-1] * (1 - hidden))
    return Stage(canvas, tuple(depth for depth, _ in reversed(layers)), tuple(through))


def _drift(settings: SceneSettings, camera: int, frame: int) -> float:
    """Clouds: the brightness goes up and down by a few percent, within a minute or so."""
    rng = np.random.default_rng((settings.seed, Seed.SCENE_FRAME, camera, 2**40))
    size, seconds, phase = rng.uniform(0.01, 0.035), rng.uniform(30, 90), rng.uniform(0, 2 * np.pi)
    turn = 2 * np.pi * frame / FRAMES_PER_SECOND / seconds
    return float(1 + settings.nuisances.colour * size * np.sin(turn + phase))


def _actor(visit: Visit, step: int, camera: Camera, size: tuple[int, int]) -> _Actor:
    walk = visit.walk
    at = walk.path[step]
    bones = place_bones(pose(walk.walker.gait, _joints(walk.walker), walk.phases[step]), at)
    body = _surface(walk.walker, 0).posed(bones)[0]
    sun = np.array(camera.light.direction, np.float32)
    fallen = body - np.maximum(body[1], 0) * (sun / max(float(sun[1]), 0.2))[:, None]
    scale = size[0] / FRAME[0]
    seen = camera.project(np.ascontiguousarray(body.T))[:, :2] * scale
    shadow = camera.project(np.ascontiguousarray(fallen.T))[:, :2] * scale
    inside = float(((seen >= 0) & (seen < (size[1], size[0]))).all(axis=1).mean())
    box, reach = _bounds(seen), _bounds(np.concatenate([seen, shadow]))
    return _Actor(visit.person, walk.walker, at.z, bones, box, inside, reach)


def _bounds(pixels: np.ndarray) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _paint(stage: Stage, actors: Sequence[_Actor], camera: Camera, frame: int) -> tuple[Canvas, list[MotRow]]:
    """Shadows first, then people from the back to the front, all behind what stands nearer than they."""
    canvas = stage.canvas.copy()
    owner = np.zeros(canvas.shape[:2], np.int32)
    size, areas = canvas.shape[:2], {}
    for actor in actors:
        if (part := _part(actor.reach, size, pad=12)) is None:
            continue
        thin, window = _surface(actor.walker, 0), _window(size, part)
        before = canvas[part].copy()
        paint_shadow(canvas[part], thin, actor.bones, camera=camera, window=window, light=camera.light)
        _keep_behind(canvas[part], before, _through(stage, actor)[part])
    for actor in sorted(actors, key=lambda a: -a.depth):
        if (part := _part(actor.box, size, pad=5)) is None:
            continue
        before, window = canvas[part].copy(), _window(size, part)
        surface = _surface(actor.walker, _fineness(actor.depth, size))
        covered = paint_person(
            canvas[part], surface, actor.bones, camera=camera, window=window, light=camera.light
        )
        through = _through(stage, actor)[part]
        _keep_behind(canvas[part], before, through)
        areas[actor.person] = int((covered > 0.5).sum())
        owner[part][covered * through > 0.5] = actor.person
    rows = [_row(a, frame, owner, areas.get(a.person, 0)) for a in actors if a.inside >= LEAST_INSIDE]
    return canvas, sorted(rows, key=lambda row: row.track)


def _row(actor: _Actor, frame: int, owner: np.ndarray, area: int) -> MotRow:
    left, top, right, bottom = actor.box
    visible = actor.inside * (owner == actor.person).sum() / max(area, 1)
    return MotRow(
        frame + 1,
        actor.person,
        round(left, 2),
        round(top, 2),
        round(right - left, 2),
        round(bottom - top, 2),
        visibility=round(float(visible), 3),
    )


def _keep_behind(canvas: Canvas, before: Canvas, through: Mask) -> None:
    """Undo what was painted where something nearer stands."""
    if through.min() < 1:
        canvas[...] = before + (canvas - before) * through[:, :, None]


def _through(stage: Stage, actor: _Actor) -> Mask:
    return stage.through[int(np.searchsorted(stage.depths, actor.depth))]


def _part(
    box: tuple[float, float, float, float], size: tuple[int, int], *, pad: int
) -> tuple[slice, slice] | None:
    """Rows and columns around a box, inside the picture; None where too little is left to paint."""
    left, right = (int(np.clip(v, 0, size[1])) for v in (box[0] - pad, box[2] + pad))
    top, bottom = (int(np.clip(v, 0, size[0])) for v in (box[1] - pad, box[3] + pad))
    left, top = left // 4 * 4, top // 4 * 4  # shadows are painted at a quarter of the size
    if right - left < 8 or bottom - top < 8:
        return None
    return slice(top, bottom), slice(left, right)


def _window(size: tuple[int, int], part: tuple[slice, slice] | None) -> Window:
    """The part of a camera's picture behind those pixels, or all of it."""
    if part is None:
        return Window(0, 0, FRAME[1], FRAME[0], size)
    rows, columns = part
    k = FRAME[0] / size[0]
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    return Window(columns.start * k, rows.start * k, wide * k, high * k, (high, wide))


def _fineness(depth: float, size: tuple[int, int]) -> int:
    """Which of the surfaces of `_surface` leaves no holes: each is finer than the one before by a third."""
    spacing = 0.74 * max(depth, 1.0) / (FOCAL_LENGTH * size[0] / FRAME[0])
    return max(1, int(np.ceil(np.log(_COARSEST / spacing) / np.log(_FINER))))


@lru_cache(maxsize=96)
def _surface(walker: Walker, fineness: int) -> Surface:
    """The dressed person; the coarsest, 0, is enough for shadows and boxes."""
    return dress(walker.build, walker.outfit, spacing=_COARSEST / _FINER**fineness)


@lru_cache(maxsize=1024)
def _joints(walker: Walker) -> Float32[np.ndarray, "bones 3"]:
    return skeleton(walker.build)
