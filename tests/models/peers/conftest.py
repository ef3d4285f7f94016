"""Official weights, clips and outputs by formula (`tests/data/peers/make_peer_inputs.py`)."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest
from safetensors.torch import save_file

from official_peers import DATA, OFFICIAL, meta
from stca.models import PEERS, ReIDModel, WeightsReport, load_weights


@pytest.fixture(scope="session")
def official() -> ModuleType:
    """`make_peer_inputs.py`."""
    spec = importlib.util.spec_from_file_location("make_peer_inputs", DATA / "make_peer_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=OFFICIAL)
def loaded(
    request: pytest.FixtureRequest, official: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ReIDModel, WeightsReport]]:
    """Every peer, its weights from a file with the official names."""
    name = request.param
    path = tmp_path_factory.mktemp(name) / f"{name}.safetensors"
    save_file(official.state_dict(name, PEERS[name].clip_len), path)
    model = meta(name).to_empty(device="cpu")
    yield name, model, load_weights(model, path)
    path.unlink()
