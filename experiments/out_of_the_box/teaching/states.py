"""The mean of a training's weights in a small file, from which another training goes on elsewhere.

The optimizer's moments, twice as large as the weights, are left out: it is warmed up anew.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save

from stca.errors import CheckpointError
from stca.models import ReIDModel, load_weights
from stca.tools.files import atomic_write

_STEP = "step"


def write_state(path: Path, model: ReIDModel, step: int) -> None:
    """Write the weights in float16, with the number of steps they have learnt."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    with atomic_write(path) as file:
        file.write(save(tensors, metadata={_STEP: str(step)}))


def read_state(path: Path, model: ReIDModel) -> int:
    """Fill `model` by what `write_state` wrote; the number of steps.

    Raises:
        CheckpointError: no such file, or of another network.

    """
    load_weights(model, path)
    with safe_open(path, framework="pt") as file:
        step = (file.metadata() or {}).get(_STEP, "")
    if not step.isdigit():
        raise CheckpointError(
            "This is no state of a training",
            expected="a number of steps in the file's metadata, as `ship.py --state` writes it",
            found=repr(step),
            where=path,
        )
    return int(step)
