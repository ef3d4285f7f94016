"""Pictures with people, made when they are needed: number i of a seed is always the same one.

People are cut out of free crops and put before free photographs, frames of the free videos and rendered
scenes. Who was put there, and where, is known; who else is there, the teacher is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from experiments.out_of_the_box.detector.network import SIZE
from experiments.out_of_the_box.making.spoiling import add_noise, compress, expose
from jaxtyping import Float, Float32
from numpy.random import Generator

from stca.footage.images import RGB, read_image

GREY = 114
"""Beside the letterboxed picture, as in use."""
VISIBLE = 0.4
"""Of whom less is to be seen, nobody can say whether they should be found."""
_LEAST_PIXELS = 20


@dataclass(frozen=True, eq=False)
class Cutout:
    """A person, and how much of every pixel is the person's (H, W), from 0 to 1."""

    picture: RGB
    alpha: np.ndarray


@dataclass(frozen=True, eq=False)
class SceneMaterial:
    """Raw pictures, in memory.

    Args:
        cutouts: people.
        places: photographs without people.
        frames: of videos with people, whom the teacher finds.
        rendered: frames of rendered scenes, and boxes and visible parts (0 to 1) of all people in them.

    """

    cutouts: tuple[Cutout, ...]
    places: tuple[RGB, ...]
    frames: tuple[RGB, ...]
    rendered: tuple[tuple[RGB, Float32[np.ndarray, "n 5"]], ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture of `SIZE` and the people in it.

    Args:
        picture: RGB.
        known: boxes of people who are certainly there.
        hidden: of those that are mostly hidden.
        complete: whether there is nobody else.

    """

    picture: RGB
    known: Float32[np.ndarray, "n 4"]
    hidden: Float32[np.ndarray, "m 4"]
    complete: bool


def load_scenes(shared: Path, work: Path) -> SceneMaterial:
    """What `prepare_scenes` left in `work`, and the free pictures."""
    cutouts = []
    for path in sorted((work / "cutouts").glob("*.png")):
        whole = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cutouts.append(
            Cutout(np.ascontiguousarray(whole[..., 2::-1]), whole[..., 3].astype(np.float32) / 255)
        )
    places = tuple(read_image(path) for path in sorted((shared / "people_backgrounds").glob("*.jpg")))
    frames = tuple(read_image(path) for path in sorted((work / "frames").glob("*.jpg")))
    rendered = []
    for path in sorted((work / "rendered").glob("*.jpg")):
        boxes = np.loadtxt(path.with_suffix(".txt"), dtype=np.float32, ndmin=2).reshape(-1, 5)
        rendered.append((read_image(path), boxes))
    return SceneMaterial(tuple(cutouts), places, frames, tuple(rendered))


def make_scene_picture(material: SceneMaterial, *, seed: int, index: int) -> Scene:
    """Picture `index` of `seed`."""
    rng = np.random.default_rng((seed, index))
    kind, nobody = rng.random(), np.zeros((0, 5), np.float32)
    filmed = 0.45 <= kind < 0.80
    if kind < 0.45:
        view, people = _view(rng, _any(rng, material.places), nobody, least=0.5)
        count = int(rng.integers(0, 13))
    elif filmed:
        view, people = _view(rng, _any(rng, material.frames), nobody, least=0.3)
        count = int(rng.integers(0, 7)) if rng.random() < 0.7 else 0
    else:
        view, people = _view(rng, *_any(rng, material.rendered), least=0.35)
        count = int(rng.integers(0, 5)) if rng.random() < 0.5 else 0
    view, people = _with_people(rng, view, people, material, count)
    picture = np.full((*SIZE, 3), GREY, np.uint8)
    picture[: view.shape[0], : view.shape[1]] = _as_filmed(rng, view)
    seen = people[:, 4] >= VISIBLE
    return Scene(picture, people[seen, :4], people[~seen, :4], complete=not filmed)


def _any(rng: Generator, things: tuple) -> object:
    return things[int(rng.integers(len(things)))]


def _view(
    rng: Generator, source: RGB, people: Float32[np.ndarray, "n 5"], *, least: float
) -> tuple[RGB, Float32[np.ndarray, "m 5"]]:
    """Part of a picture, perhaps mirrored, at most of `SIZE`, with who is in it: boxes and visible parts."""
    height, width = source.shape[:2]
    part = rng.uniform(least, 1.0)
    high, wide = max(32, round(height * part)), max(32, round(width * part * rng.uniform(0.85, 1.0)))
    top, left = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    view = source[top : top + high, left : left + wide]
    target_h, target_w = SIZE
    if rng.random() < 0.5:  # letterboxed, as in use
        scale = min(target_h / high, target_w / wide)
        size = (min(target_w, round(wide * scale)), min(target_h, round(high * scale)))
    else:
        aspect = rng.uniform(0.85, 1.18)
        size = (target_w, target_h)
        # Cut to the canvas' shape, up to the aspect.
        if wide / high > aspect * target_w / target_h:
            less = round(high * aspect * target_w / target_h)
            off = int(rng.integers(wide - less + 1))
            view, left, wide = view[:, off : off + less], left + off, less
        else:
            less = max(16, round(wide / (aspect * target_w / target_h)))
            less = min(less, high)
            off = int(rng.integers(high - less + 1))
            view, top, high = view[off : off + less], top + off, less
    how = cv2.INTER_AREA if size[0] < wide else cv2.INTER_LINEAR
    seen = cv2.resize(view, size, interpolation=how)
    scale_x, scale_y = size[0] / wide, size[1] / high
    boxes = (people[:, :4] - np.array([left, top] * 2, np.float32)) * np.array(
        [scale_x, scale_y] * 2, np.float32
    )
    if rng.random() < 0.5:
        seen = seen[:, ::-1]
        boxes = np.column_stack((size[0] - boxes[:, 2], boxes[:, 1], size[0] - boxes[:, 0], boxes[:, 3]))
    return np.ascontiguousarray(seen), _inside(boxes, people[:, 4], size)


def _inside(
    boxes: Float[np.ndarray, "n 4"], visible: Float[np.ndarray, " n"], size: tuple[int, int]
) -> Float32[np.ndarray, "m 5"]:
    """Boxes cut at the edges of (W, H), and what is visible of whole people."""
    cut = np.clip(boxes, 0, np.array([*size, *size], np.float32))
    part = _areas(cut) / np.maximum(_areas(boxes), 1e-6)
    people = np.column_stack((cut, visible * part)).astype(np.float32)
    return people[_areas(cut) > 0]


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)


def _with_people(
    rng: Generator, view: RGB, there: Float32[np.ndarray, "n 5"], material: SceneMaterial, count: int
) -> tuple[RGB, Float32[np.ndarray, "m 5"]]:
    """Put people before a scene, far ones first; boxes and visible parts of them and of who was there."""
    picture, owner = view.astype(np.float32), np.zeros(view.shape[:2], np.int32)
    people = []
    for cutout, box in _placed(rng, view.shape[:2], material, count):
        left, top, right, bottom = box
        x0, y0, x1, y1 = max(0, left), max(0, top), min(view.shape[1], right), min(view.shape[0], bottom)
        inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        here = cutout.alpha[inside]
        solid = here > 0.5
        if solid.sum() < _LEAST_PIXELS:
            continue
        part = picture[y0:y1, x0:x1]
        part += here[..., None] * (cutout.picture[inside] - part)
        people.append((*_around(solid, x0, y0), (cutout.alpha > 0.5).sum()))
        owner[y0:y1, x0:x1][solid] = len(people)
    new = np.array(people, np.float32).reshape(-1, 5)
    new[:, 4] = np.bincount(owner.ravel(), minlength=len(people) + 1)[1:] / np.maximum(new[:, 4], 1)
    covered = [_part(owner[_cells(box)] > 0) for box in there]
    there = np.column_stack((there[:, :4], there[:, 4] * (1 - np.array(covered, np.float32))))
    return picture.astype(np.uint8), np.concatenate((new, there)).astype(np.float32)


def _placed(
    rng: Generator, size: tuple[int, int], material: SceneMaterial, count: int
) -> Iterator[tuple[Cutout, tuple[int, int, int, int]]]:
    """People of about one height, scaled, and where they are: left, top, right, bottom, in part outside."""
    typical = np.exp(rng.uniform(np.log(24), np.log(220)))
    heights = sorted(float(np.clip(typical * np.exp(rng.normal(0, 0.35)), 14, 330)) for _ in range(count))
    group = rng.uniform(0, size[1]) if rng.random() < 0.3 else None
    for height in heights:
        cutout: Cutout = _any(rng, material.cutouts)
        shape = cutout.picture.shape
        high, wide = round(height), max(4, round(shape[1] * height / shape[0] * rng.uniform(0.9, 1.1)))
        person, alpha = cutout.picture, cutout.alpha
        if rng.random() < 0.5:
            person, alpha = person[:, ::-1], np.ascontiguousarray(alpha[:, ::-1])
        person = cv2.resize(np.ascontiguousarray(person), (wide, high), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, (wide, high), interpolation=cv2.INTER_AREA)
        middle = rng.uniform(0, size[1]) if group is None else rng.normal(group, 1.2 * wide)
        left, top = round(middle - wide / 2), round(rng.uniform(-0.15 * high, max(0.0, size[0] - 0.8 * high)))
        box = left, top, left + wide, top + high
        if (
            min(box[2], size[1]) - max(left, 0) >= 0.4 * wide
            and min(box[3], size[0]) - max(top, 0) >= 0.4 * high
        ):
            yield Cutout(_tinted(rng, person), alpha), box


def _around(solid: np.ndarray, left: int, top: int) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1


def _part(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0


def _cells(box: np.ndarray) -> tuple[slice, slice]:
    left, top, right, bottom = (round(float(side)) for side in box[:4])
    return slice(max(0, top), max(top + 1, bottom)), slice(max(0, left), max(left + 1, right))


def _tinted(rng: Generator, person: RGB) -> RGB:
    """In other light, and sometimes in other colours."""
    if rng.random() < 0.4:
        hsv = cv2.cvtColor(person, cv2.COLOR_RGB2HSV).astype(np.float32)
        hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
        hsv[..., 1] *= rng.uniform(0.3, 1.4)
        person = cv2.cvtColor(np.clip(hsv, 0, (179, 255, 255)).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.clip(person * rng.uniform(0.6, 1.25) + rng.uniform(-20, 20), 0, 255).astype(np.uint8)


def _as_filmed(rng: Generator, picture: RGB) -> RGB:
    """Exposure, colour cast, blur, noise, compression."""
    if rng.random() < 0.7:
        picture = expose(rng, picture, gamma=0.3, cast=0.08)
    if rng.random() < 0.15:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.4))
    if rng.random() < 0.3:
        picture = add_noise(rng, picture, most=10)
    if rng.random() < 0.6:
        picture = compress(rng, picture, worst=25)
    return np.ascontiguousarray(picture)
