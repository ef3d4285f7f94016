"""Filming: one walker in front of one camera gives the crops of one tracklet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

from stca.walkers.filming.detector import follow
from stca.walkers.filming.renderer import Canvas, Standing, paint_person, paint_shadow, place_bones
from stca.walkers.filming.walks import Things, Walk, company, main_walk
from stca.walkers.people.body import dress, skeleton
from stca.walkers.people.gait import pose
from stca.walkers.people.people import Walker
from stca.walkers.people.surfaces import Surface
from stca.walkers.places.cameras import FOCAL_LENGTH, Camera, Light, Window
from stca.walkers.places.nuisances import Nuisances
from stca.walkers.places.props import paint_prop
from stca.walkers.places.scenes import cut, scene
from stca.walkers.places.sensors import Crop, develop


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
    walk = main_walk(rng, walker, camera, frames, n)
    people, props = company(rng, walk, n, passers_by)
    light, exposure = _light_of_the_day(rng, camera.light, n.colour)
    boxes = follow(rng, walk, camera, n.misalignment, junk)
    rows = min(256, round(1.5 * size[0])) if size[0] <= 256 else size[0]
    canvas_size = (rows, round(rows * size[1] / size[0]))
    motion = n.blur * rng.uniform(0, 0.025) * canvas_size[1] * rng.uniform(0.5, 1.5, frames)
    crops = []
    for t in range(frames):
        window = replace(boxes[t], size=canvas_size)
        canvas = _compose(
            people, props, t, camera=camera, window=window, light=light, motion=float(motion[t])
        )
        crops.append(develop(rng, canvas * np.float32(exposure), camera.sensor, window, size))
    return crops


def _light_of_the_day(rng: np.random.Generator, light: Light, strength: float) -> tuple[Light, float]:
    """Clouds come and go: the camera's light as it is during one tracklet, and the exposure's answer."""
    sun = light.sun * float(np.exp(-abs(rng.normal(0, 0.4)) * strength))
    exposure = float(np.exp(strength * rng.normal(0, 0.1)))
    return replace(light, sun=sun), exposure


def _compose(
    people: list[Walk],
    props: Things,
    t: int,
    *,
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


def _touches(at: Standing, camera: Camera, window: Window) -> bool:
    """Whether a person who stands there would be visible in the window."""
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
