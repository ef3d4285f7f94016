"""The official network's weights and answers, read once; small networks for everything else."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from stca.models import ReIDModel, create_model

PARITY = Path(__file__).parent.parent / "data" / "parity"


@pytest.fixture(scope="session")
def official() -> ModuleType:
    """`make_inputs.py`: weights and clips by formula."""
    spec = importlib.util.spec_from_file_location("make_inputs", PARITY / "make_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def official_outputs() -> dict[str, np.ndarray]:
    """What the official network returned."""
    with np.load(PARITY / "official_stca_outputs.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def official_checkpoint(official: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the official training script leaves it: wrapped, prefixed, numpy scalars beside the weights."""
    path = tmp_path_factory.mktemp("official") / "checkpoint_ep450.pth.tar"
    state = {f"module.{name}": tensor for name, tensor in official.official_state_dict().items()}
    torch.save(
        {"state_dict": state, "rank1": np.float64(0.875), "epoch": np.int64(450), "best": np.bool_(True)},
        path,
    )
    return path


@pytest.fixture
def tiny() -> Callable[..., ReIDModel]:
    def make(num_ids: int = 5, **options: object) -> ReIDModel:
        """`stca_small` of width 4 on 32x16 frames, in evaluation mode, with statistics that are not trivial."""
        torch.manual_seed(0)
        options = {"image_size": (32, 16), "width": 4, "clip_len": 2, **options}
        model = create_model("stca_small", num_ids=num_ids, **options)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        return model.eval()

    return make
