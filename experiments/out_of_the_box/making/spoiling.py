"""What lies between a person and a picture: the cut, the light, the camera, things in front, compression."""

from __future__ import annotations

import cv2
import numpy as np
from experiments.out_of_the_box.making.material import SIZE, Material
from experiments.out_of_the_box.making.mixing import draw_look, render, scene_patch
from numpy.random import Generator

from stca.footage.images import RGB


def spoil(rng: Generator, picture: RGB, material: Material) -> RGB:
    """The same person as another camera sees them: a picture of `SIZE`."""
    picture = _cut(rng, picture)
    if rng.random() < 0.25:
        picture = _hide(rng, picture, material)
    picture = _light(rng, picture)
    if rng.random() < 0.35:
        picture = _blur(rng, picture)
    if rng.random() < 0.6:
        picture = _coarsen(rng, picture)
    if rng.random() < 0.3:
        picture = add_noise(rng, picture, most=12)
    if rng.random() < 0.5:
        picture = compress(rng, picture, worst=20)
    return picture


def _cut(rng: Generator, picture: RGB) -> RGB:
    """Mirror, turn, shift, scale; what lies outside repeats or mirrors the edge."""
    height, width = SIZE
    angle = np.deg2rad(rng.normal(0, 3))
    scale = np.exp(rng.normal(0.02, 0.09, 2))
    shift = rng.normal(0, 0.05, 2) * (width, height)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    centre = np.array([width, height]) / 2
    matrix = np.column_stack((turn, centre - turn @ centre + shift)).astype(np.float32)
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpAffine(picture, matrix, SIZE[::-1], flags=cv2.INTER_LINEAR, borderMode=border))


def _hide(rng: Generator, picture: RGB, material: Material) -> RGB:
    """Something, or somebody, in front: from below, from a side, or anywhere."""
    if rng.random() < 0.5 and material.scenes:
        front = scene_patch((int(rng.integers(len(material.scenes))), rng.random(), rng.random()), material)
    else:
        front = render(draw_look(rng, material), material)
    height, width = SIZE
    part = rng.uniform(0.1, 0.45)
    out = picture.copy()
    which = rng.integers(4)
    if which == 0:
        rows = round(part * height)
        out[-rows:] = front[-rows:]
    elif which == 1:
        columns = round(part * width)
        out[:, :columns] = front[:, -columns:]
    elif which == 2:
        columns = round(part * width)
        out[:, -columns:] = front[:, :columns]
    else:
        rows, columns = round(part * height), round(rng.uniform(0.2, 0.6) * width)
        top, left = rng.integers(height - rows), rng.integers(width - columns)
        out[top : top + rows, left : left + columns] = front[top : top + rows, left : left + columns]
    return out


def _light(rng: Generator, picture: RGB) -> RGB:
    """Exposure, contrast, gamma, colour cast, saturation; sometimes light from one side."""
    picture = expose(rng, picture, gamma=0.25, cast=0.1)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = float(np.exp(rng.normal(-0.05, 0.3)))
    picture = cv2.addWeighted(picture, saturation, grey, 1 - saturation, 0)
    if rng.random() < 0.2:
        axis = int(rng.integers(2))
        ramp = np.linspace(*rng.uniform(0.5, 1.4, 2), SIZE[axis], dtype=np.float32)
        shaded = picture * (ramp[:, None, None] if axis == 0 else ramp[None, :, None])
        picture = np.clip(shaded, 0, 255).astype(np.uint8)
    return np.asarray(picture)


def _blur(rng: Generator, picture: RGB) -> RGB:
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 2.5)))
    length = int(rng.integers(3, 12))
    kernel = np.full((1, length), 1 / length, np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel if rng.random() < 0.7 else kernel.T))


def _coarsen(rng: Generator, picture: RGB) -> RGB:
    """As if cut from a smaller picture."""
    height = int(rng.integers(56, 160))
    small = cv2.resize(picture, (height // 2, height), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(small, SIZE[::-1], interpolation=how))


def expose(rng: Generator, picture: RGB, *, gamma: float, cast: float) -> RGB:
    """Another gamma, contrast, brightness and colour cast; two of them with these standard deviations."""
    x = np.power(np.linspace(0, 1, 256, dtype=np.float32), np.exp(rng.normal(0, gamma)))
    x = (x - 0.5) * np.exp(rng.normal(0, 0.2)) + 0.5 + rng.normal(0, 0.06)
    table = x[:, None] * np.exp(rng.normal(0, cast, 3))
    return np.asarray(cv2.LUT(picture, (np.clip(table, 0, 1) * 255).astype(np.uint8)[None]))


def add_noise(rng: Generator, picture: RGB, *, most: float) -> RGB:
    """Noise with a standard deviation of 2 to `most`."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(2, most)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def compress(rng: Generator, picture: RGB, *, worst: int) -> RGB:
    """As a JPEG of a quality of `worst` to 89."""
    quality = int(rng.integers(worst, 90))
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
