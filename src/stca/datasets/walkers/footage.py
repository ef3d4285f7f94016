"""Filming: one walker in front of one camera gives the crops of one tracklet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import simplejpeg
from jaxtyping import Float32, UInt8
from PIL import Image, ImageFilter

from stca.datasets.walkers.body import dress, skeleton
from stca.datasets.walkers.cameras import FOCAL_LENGTH, Camera, Light, Sensor, Window
from stca.datasets.walkers.gait import pose
from stca.datasets.walkers.nuisances import Nuisances
from stca.datasets.walkers.people import Walker
from stca.datasets.walkers.props import Prop, draw_prop
from stca.datasets.walkers.renderer import Canvas, Standing, paint_person, paint_shadow, place_bones
from stca.datasets.walkers.scenes import cut, scene
from stca.datasets.walkers.surfaces import Surface

FRAMES_PER_SECOND = 12.5
_OCCLUDERS = ("pole", "pole", "pole", "bench", "bench", "wall", "car", "bush", "bicycle", "bin")

Crop = UInt8[np.ndarray, "out_h out_w 3"]


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


def film(
    rng: np.random.Generator,
    walker: Walker,
    camera: Camera,
    *,
    frames: int,
    size: tuple[int, int],
    nuisances: Nuisances,
    passers_by: Callable[[int], Walker],
    junk: bool = False,
) -> list[Crop]:
    """The crops of one tracklet.

    Args:
        rng: decides everything that is not fixed by the other arguments.
        walker: whom the box follows.
        camera: who films.
        frames: how many crops.
        size: (height, width) of the crops.
        nuisances: how hard it is.
        passers_by: other people by number (0 to 7), who may come into the picture.
        junk: the box holds only a part of the person, as a false detection's does.

    """
    n = nuisances
    walk = _main_walk(rng, walker, camera, frames, n)
    people, props = _company(rng, walk, n, passers_by)
    light, exposure = _light_of_the_day(rng, camera.light, n.colour)
    boxes = _boxes(rng, walk, camera, n.misalignment, junk)
    rows = min(256, round(1.5 * size[0])) if size[0] <= 256 else size[0]
    canvas_size = (rows, round(rows * size[1] / size[0]))
    motion = n.blur * rng.uniform(0, 0.025) * canvas_size[1] * rng.uniform(0.5, 1.5, frames)
    crops = []
    for t in range(frames):
        window = replace(boxes[t], size=canvas_size)
        canvas = _compose(people, props, t, camera, window, light, float(motion[t]))
        crops.append(develop(rng, canvas * np.float32(exposure), camera.sensor, window, size))
    return crops


def _main_walk(rng: np.random.Generator, walker: Walker, camera: Camera, frames: int, n: Nuisances) -> Walk:
    freedom = min(n.viewpoint, 2.0)
    heading = camera.axis + np.pi * int(rng.integers(2)) + freedom * float(rng.normal(0, 0.15))
    if n.viewpoint == 0:
        heading = np.pi / 2
    start = (float(rng.uniform(-1.6, 1.6)), float(camera.distance + freedom * rng.uniform(-1.0, 1.5)))
    return draw_walk(rng, walker, start=start, heading=float(heading), frames=frames, middle=(frames - 1) / 2)


def _company(
    rng: np.random.Generator, walk: Walk, n: Nuisances, passers_by: Callable[[int], Walker]
) -> tuple[list[Walk], list[tuple[Prop, tuple[float, float]]]]:
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


def _light_of_the_day(rng: np.random.Generator, light: Light, strength: float) -> tuple[Light, float]:
    """Clouds come and go: the camera's light as it is during one tracklet, and the exposure's answer."""
    sun = light.sun * float(np.exp(-abs(rng.normal(0, 0.4)) * strength))
    exposure = float(np.exp(strength * rng.normal(0, 0.1)))
    return replace(light, sun=sun), exposure


def _boxes(rng: np.random.Generator, walk: Walk, camera: Camera, strength: float, junk: bool) -> list[Window]:
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


def _compose(
    people: list[Walk],
    props: list[tuple[Prop, tuple[float, float]]],
    t: int,
    camera: Camera,
    window: Window,
    light: Light,
    motion: float,
) -> Canvas:
    """One picture, painted from the back to the front."""
    canvas = cut(scene(camera), window)
    # About 1.9 m fill the rows; three quarters of a pixel between points leave no holes.
    spacing = round(0.78 * 1.9 / window.size[0], 5)
    shown = [w for w in people if _touches(w.path[t], camera, window)]
    posed = [place_bones(pose(w.walker.gait, _joints(w.walker), w.phases[t]), w.path[t]) for w in shown]
    surfaces = [_surface(w.walker, spacing) for w in shown]
    for (_, thin), bones in zip(surfaces, posed, strict=True):
        paint_shadow(canvas, thin, bones, camera=camera, window=window, light=light)
    things: list[tuple[float, int]] = [(w.path[t].z, i) for i, w in enumerate(shown)]
    things += [(place[1], len(shown) + i) for i, (_, place) in enumerate(props)]
    for _, index in sorted(things, reverse=True):
        if index < len(shown):
            paint_person(
                canvas,
                surfaces[index][0],
                posed[index],
                camera=camera,
                window=window,
                light=light,
                motion=motion,
            )
        else:
            prop, place = props[index - len(shown)]
            paint_prop(canvas, prop, camera=camera, window=window, place=place, light=light)
    return canvas


def paint_prop(
    canvas: Canvas, prop: Prop, *, camera: Camera, window: Window, place: tuple[float, float], light: Light
) -> None:
    """Stand a prop at (X, Z) on the ground of a canvas, in place."""
    foot = camera.project(np.array([[place[0], 0, place[1]], [place[0], prop.height, place[1]]], np.float32))
    tall, wide = float(foot[0, 1] - foot[1, 1]), FOCAL_LENGTH / float(foot[0, 2]) * prop.width
    left, top = float(foot[0, 0]) - wide / 2, float(foot[1, 1])
    # The part of the prop that the window shows, in shares of the prop.
    u0, u1 = ((window.left - left) / wide, (window.left + window.width - left) / wide)
    v0, v1 = ((window.top - top) / tall, (window.top + window.height - top) / tall)
    if u1 <= 0 or u0 >= 1 or v1 <= 0 or v0 >= 1:
        return
    height, width = canvas.shape[:2]
    matrix = ((u1 - u0) * prop.image.width / width, 0, u0 * prop.image.width)
    matrix_y = (0, (v1 - v0) * prop.image.height / height, v0 * prop.image.height)
    seen = prop.image.transform(
        (width, height), Image.Transform.AFFINE, (*matrix, *matrix_y), Image.Resampling.BILINEAR
    )
    pixels = np.asarray(seen, dtype=np.float32) * np.float32(1 / 255)
    alpha = pixels[:, :, 3:]
    lit = pixels[:, :, :3] ** 2 * np.float32(light.sun * 0.6 + light.sky) * np.array(light.tint, np.float32)
    canvas *= 1 - alpha
    canvas += lit * alpha


def _touches(at: Standing, camera: Camera, window: Window) -> bool:
    """Whether somebody standing there can be seen in the window at all."""
    if at.z < 1.5:
        return False
    foot = camera.project(np.array([[at.x, 0, at.z]], np.float32))[0]
    reach = 1.0 * FOCAL_LENGTH / float(foot[2])
    return bool(window.left - reach < foot[0] < window.left + window.width + reach)


@lru_cache(maxsize=24)
def _surface(walker: Walker, spacing: float) -> tuple[Surface, Surface]:
    """The dressed person, and a thinned copy for the shadow."""
    surface = dress(walker.build, walker.outfit, spacing=spacing)
    return surface, surface.thinned(17)


@lru_cache(maxsize=64)
def _joints(walker: Walker) -> Float32[np.ndarray, "bones 3"]:
    return skeleton(walker.build)


def develop(
    rng: np.random.Generator, canvas: Canvas, sensor: Sensor, window: Window, size: tuple[int, int]
) -> Crop:
    """From linear light to what is stored: lens, sensor, compression at the camera's own resolution."""
    exposed = canvas * (np.array(sensor.cast, np.float32) * np.float32(sensor.exposure))
    image = Image.fromarray((np.sqrt(np.clip(exposed, 0, 1)) * 255 + 0.5).astype(np.uint8))
    if sensor.blur > 0:
        image = image.filter(ImageFilter.BoxBlur(1.6 * sensor.blur * window.size[0] / 256))
    # The box as the camera had it, in its own pixels; never finer than what was painted.
    native = min(window.height * sensor.resolution, float(window.size[0]))
    small = (max(8, round(native * window.width / window.height)), max(16, round(native)))
    image = image.resize(
        small, Image.Resampling.BOX if small[1] < window.size[0] else Image.Resampling.BILINEAR
    )
    image = image.point(_tones(sensor) * 3)
    if sensor.saturation != 1:
        image = Image.blend(image.convert("L").convert("RGB"), image, sensor.saturation)
    pixels = np.asarray(image)
    if sensor.noise > 0:
        grain = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sensor.noise)
        pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    if sensor.quality < 95:
        data = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=sensor.quality, colorsubsampling="420"
        )
        pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))


@lru_cache(maxsize=64)
def _tones(sensor: Sensor) -> list[int]:
    """Gamma, contrast and black level as a table of 256."""
    values = np.linspace(0, 1, 256) ** sensor.gamma
    values = (values - 0.42) * sensor.contrast + 0.42
    values = sensor.black + (1 - sensor.black) * values
    return [int(v) for v in np.clip(values * 255 + 0.5, 0, 255)]
