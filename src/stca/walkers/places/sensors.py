"""From linear light to stored pixels: lens, sensor, tone curve, compression."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import simplejpeg
from jaxtyping import Float32, UInt8
from PIL import Image, ImageFilter

from stca.walkers.filming.renderer import Canvas
from stca.walkers.places.cameras import Sensor, Window

Crop = UInt8[np.ndarray, "out_h out_w 3"]


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
    toned = _tones(sensor)[np.asarray(image)]
    grey = toned.mean(axis=2, keepdims=True)
    values = grey + np.float32(sensor.saturation) * (toned - grey)
    values += rng.standard_normal(values.shape, dtype=np.float32) * np.float32(sensor.noise)
    pixels = np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)
    if sensor.quality < 95:
        data = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pixels), quality=sensor.quality, colorsubsampling="420"
        )
        pixels = simplejpeg.decode_jpeg(data, colorspace="RGB")
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))


@lru_cache(maxsize=64)
def _tones(sensor: Sensor) -> Float32[np.ndarray, " 256"]:
    """Gamma, contrast and black level as a table of 256."""
    values = np.linspace(0, 1, 256) ** sensor.gamma
    values = (values - 0.42) * sensor.contrast + 0.42
    values = sensor.black + (1 - sensor.black) * values
    return np.asarray(np.clip(values * 255, 0, 255).astype(np.float32))
