from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stca.config import RunConfig
from stca.datasets import load_dataset
from stca.run_dir import RunDir
from stca.tracklets import Tracklet
from stca.training import fit
from trained import CONFIG, model_of


@pytest.fixture
def tracklets(people: Path) -> tuple[Tracklet, ...]:
    return load_dataset("folder", people).train


@pytest.fixture
def train(tracklets: tuple[Tracklet, ...], tmp_path: Path) -> Callable[..., RunDir]:
    def make(
        config: RunConfig = CONFIG,
        name: str = "run",
        *,
        data: Sequence[Tracklet] = tracklets,
        resume: bool = False,
    ) -> RunDir:
        """Train a new model, which a resumed run fills from its checkpoint."""
        run = RunDir.create(tmp_path / name, config, resume=resume)
        fit(model_of(len({t.person_id for t in data})), data, config, run)
        return run

    return make
