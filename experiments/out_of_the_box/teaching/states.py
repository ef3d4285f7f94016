"""The mean of a training's weights in a small file, from which another training goes on elsewhere.

The optimizer's moments, twice as large as the weights, are left out: it is warmed up anew.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from experiments.out_of_the_box.teaching.student import on_grid
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stca.errors import CheckpointError
from stca.models import ReIDModel, create_model, load_weights
from stca.tools.files import atomic_write

_STEP = "step"
_PLACES = "space.weight"
CELL = 16
"""Pixels between two places of the last map."""


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

    The state may be of pictures of another size: only the weights of places depend on it.

    Raises:
        CheckpointError: no such file, or of another network.

    """
    step, size = "", model.image_size
    with contextlib.suppress(OSError, SafetensorError):  # which `load_weights` reports
        with safe_open(path, framework="pt") as file:
            step = (file.metadata() or {}).get(_STEP, "")
            learnt = file.get_slice(_PLACES).get_shape() if _PLACES in file.keys() else []  # noqa: SIM118
        size = (CELL * learnt[1], CELL * learnt[2]) if len(learnt) == 3 else size
    smaller = create_model("cnn2d_mobile", num_ids=1, image_size=size)
    load_weights(smaller, path)
    if not step.isdigit():
        raise CheckpointError(
            "This is no state of a training",
            expected="a number of steps in the file's metadata, as `ship.py --state` writes it",
            found=repr(step),
            where=path,
        )
    state = smaller.state_dict()
    state[_PLACES] = on_grid(state[_PLACES], model.state_dict()[_PLACES].shape[1:])
    model.load_state_dict(state)
    return int(step)
