"""How hard the cameras make it: one dial per nuisance."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from stca.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Nuisances:
    """What stands between a person and a clean picture. Every dial: 0 off, 1 the default, larger is harder.

    Args:
        colour: each camera's colour cast, exposure, gamma and contrast, and light that differs between
            tracklets. 0: one neutral camera under one light.
        viewpoint: camera height and distance, and the direction people walk in. 0: everybody walks to the
            right, seen side-on at chest height.
        background: 0 is one plain grey; 1 is a place of its own for every camera.
        misalignment: how far boxes are off in place and size, per tracklet and per frame.
        occlusion: how often an object or another person is in front of the person, or walks beside.
        blur: lens, motion and lost resolution. Drawn independently of how the person moves, so that it
            tells nothing about the gait.
        noise: of the sensor.
        compression: of the video. 0 is JPEG at quality 95.

    Raises:
        ConfigError: a dial that is negative or no finite number.

    """

    colour: float = 1.0
    viewpoint: float = 1.0
    background: float = 1.0
    misalignment: float = 1.0
    occlusion: float = 1.0
    blur: float = 1.0
    noise: float = 1.0
    compression: float = 1.0

    def __post_init__(self) -> None:
        for dial in fields(self):
            value = getattr(self, dial.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(
                    f"Nuisance {dial.name!r} is no number", expected="0 (off) or more", found=value
                )
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(
                    f"Nuisance {dial.name!r} is out of range", expected="0 (off) or more", found=value
                )

    @classmethod
    def none(cls) -> Nuisances:
        """All off: clean, aligned, sharp pictures by one camera in front of plain grey."""
        return cls(**{dial.name: 0.0 for dial in fields(cls)})
