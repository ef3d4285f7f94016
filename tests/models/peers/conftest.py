"""Official weights, clips and outputs by formula (`tests/data/peers/make_peer_inputs.py`)."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType

import pytest
from safetensors.torch import save_file

from official_peers import DATA, OFFICIAL, meta
from stca.models import PEERS, ReIDModel, WeightsReport, load_weights
from stca.models.weights import foreign


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
    """Every peer, its weights by their official names: of one of a system from a file, which takes long."""
    name = request.param
    state, model = official.state_dict(name, PEERS[name].clip_len), meta(name).to_empty(device="cpu")
    path = tmp_path_factory.mktemp(name) / f"{name}.safetensors"
    if name == next(each for each in PEERS if PEERS[each].system == PEERS[name].system):
        save_file(state, path)
        yield name, model, load_weights(model, path)
        path.unlink()
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "read_state", lambda path: state)
        report = load_weights(model, path)
    yield name, model, report
