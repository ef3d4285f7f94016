"""The raw pictures that training pictures are mixed from: crops of people, and scenes without people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stca.footage.images import RGB, read_image

SIZE = (256, 128)
"""(H, W) of the teachers' pictures; everything is mixed at this size."""
_SHARES = {"people": 0.55, "video": 0.20, "walkers": 0.25}


@dataclass(frozen=True)
class Material:
    """All raw pictures, in memory.

    Args:
        crops: by source ("people", "video", "walkers"): crops of one person each, (H, W, 3) uint8, RGB.
        scenes: photographs without people, of any size.

    """

    crops: dict[str, tuple[RGB, ...]]
    scenes: tuple[RGB, ...]

    @property
    def shares(self) -> dict[str, float]:
        """How often each source is taken, summing to one; sources without crops are left out."""
        there = {name: _SHARES[name] for name, crops in self.crops.items() if crops}
        return {name: share / sum(there.values()) for name, share in there.items()}


def load_material(shared: Path, work: Path) -> tuple[Material, Material]:
    """What may be learnt from, and about a tenth of the free crops that is kept apart.

    People of one photograph are on one side. `work` may hold crops cut from the free videos (`video/`) and
    of rendered people (`walkers/`), as `prepare.py` leaves them.
    """
    people = sorted((shared / "people").glob("*.jpg"))
    apart = {path for path in people if _is_apart(path)}
    scenes = _read(sorted((shared / "people_backgrounds").glob("*.jpg")), longest=512)
    learn = {
        "people": _read(path for path in people if path not in apart),
        "video": _read(sorted((work / "video").rglob("*.jpg"))),
        "walkers": _read(sorted((work / "walkers" / "bbox_train").rglob("*.jpg"))),
    }
    return Material(learn, scenes), Material({"people": _read(sorted(apart))}, scenes)


def _is_apart(path: Path) -> bool:
    photograph = path.stem.rpartition("_")[0]
    return hashlib.sha256(photograph.encode()).digest()[0] < 26


def _read(paths: Iterable[Path], *, longest: int = SIZE[0]) -> tuple[RGB, ...]:
    return tuple(at_most(read_image(path), longest) for path in paths)


def at_most(picture: RGB, longest: int) -> RGB:
    """The picture, made smaller where a side is longer than that."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
