"""Small data made on the spot: tracked sequences and walkers, for tests that run whole commands."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from stca.footage.images import write_jpeg
from stca.walkers import make_walkers

TINY_MODEL = (
    "model.image_size=[64,32]",
    "model.options.width=4",
    "model.options.layers=[1,1,1,1]",
    "clips.clip_len=2",
    "batch.identities=2",
    "batch.instances=2",
    "optim.epochs=1",
    "workers=0",
)


def tiny_walkers(root: Path) -> Path:
    """Six persons to train on and six others to test on, two cameras, in MARS's layout."""
    return Path(shutil.copytree(_rendered(), root))


@functools.cache
def _rendered() -> Path:
    """Rendered once a process, and removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="stca-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make_walkers(
        folder / "walkers",
        train_persons=6,
        test_persons=6,
        cameras=2,
        frames=(4, 5),
        size=(64, 32),
        junk=1,
        distractors=1,
    )


def tiny_sequence(root: Path, *, tracks: int = 3, frames: int = 40, seed: int = 0) -> Path:
    """One MOTChallenge sequence: coloured boxes that walk from left to right over noise."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 255, (tracks, 3))
    rows = []
    for frame in range(1, frames + 1):
        image = rng.integers(90, 110, (120, 40 + 60 * tracks, 3)).astype(np.uint8)
        for track in range(tracks):
            left, top = 60 * track + frame // 2, 30
            image[top : top + 64, left : left + 28] = colours[track] + rng.integers(-20, 20, (64, 28, 3))
            rows.append(f"{frame},{track + 1},{left},{top},28,64,1,1,1.0")
        write_jpeg(root / "img1" / f"{frame:06d}.jpg", image)
    (root / "gt").mkdir()
    (root / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
    return root
