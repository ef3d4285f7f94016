from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stca.tracklets import Tracklet


@pytest.fixture
def make_tracklet(tmp_path: Path) -> Callable[..., Tracklet]:
    def make(frames: int, *, person: int = 1, camera: int = 1, size: tuple[int, int] = (32, 16)) -> Tracklet:
        """Frames of one grey each, 10 apart, so that what was decoded says which frame it is."""
        folder = tmp_path / f"{person}-{camera}-{frames}"
        folder.mkdir()
        paths = tuple(folder / f"{number:03d}.jpg" for number in range(frames))
        for number, path in enumerate(paths):
            Image.fromarray(np.full((*size, 3), 10 + 10 * number, np.uint8)).save(path, quality=95)
        return Tracklet(paths, person, camera, folder.name)

    return make
