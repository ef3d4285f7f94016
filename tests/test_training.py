from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stca.config import RunConfig
from stca.datasets import load_dataset
from stca.run_dir import RunDir
from stca.training import fit
from trained import CONFIG, model_of


@pytest.fixture
def train(people: Path, tmp_path: Path) -> Callable[..., RunDir]:
    def make(config: RunConfig, name: str = "run") -> RunDir:
        run = RunDir.create(tmp_path / name, config)
        fit(model_of(), load_dataset("folder", people).train, config, run)
        return run

    return make


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(train: Callable[..., RunDir]) -> None:
    plain, compiled = (train(replace(CONFIG, compile=each)).metrics() for each in (False, True))
    for a, b in zip(plain[:4], compiled[:4], strict=True):
        assert b["total"] == pytest.approx(a["total"], rel=1e-2)
