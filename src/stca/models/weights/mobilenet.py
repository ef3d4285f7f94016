"""Published MobileNetV2 weights under our names.

Several implementations name their blocks apart (`features.1.conv.0.0`, `features.1.conv.0`), but all count
layers in the order of computation, which is enough to tell which is which.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from stca.errors import CheckpointError

State = dict[str, Tensor]

MOBILENET = "ImageNet MobileNetV2"
_STREAM = "stream2d."


def into_mobilenet(state: State, own: Mapping[str, Tensor], *, path: Path) -> State:
    """Tensors of `features.*` under the names of our 2D stream; what else the file has keeps its name.

    A last convolution of other channels than the model's is left under the file's name, as not used.

    Args:
        state: the file's tensors.
        own: the model's tensors.
        path: of the file, for errors.

    Raises:
        CheckpointError: the model has no MobileNetV2, or the file's has other layers.

    """
    theirs = _layers(sorted((name for name in state if name.startswith("features.")), key=_counted))
    ours = _layers(name for name in own if name.startswith(_STREAM))
    if f"{_STREAM}first.0.0.weight" not in own or len(theirs) != len(ours):
        raise CheckpointError(
            "These MobileNetV2 weights do not fit this model",
            expected=f"a model with backbone2d=mobilenet_v2, and {len(ours)} layers in the file",
            found=f"{len(theirs)} layers in the file",
            where=path,
            hint="create_model('cnn2d_mobile', ...)",
        )
    last = set(theirs[-2:])
    filled = {name: tensor for name, tensor in state.items() if not name.startswith("features.")}
    for layer, target in zip(theirs, ours, strict=True):
        for name, tensor in state.items():
            if name.rpartition(".")[0] != layer:
                continue
            renamed = f"{target}.{name.rpartition('.')[2]}"
            other = tensor.shape != own[renamed].shape if renamed in own else True
            filled[name if layer in last and other else renamed] = tensor
    return filled


def _layers(names: Iterable[str]) -> tuple[str, ...]:
    """The modules that tensors belong to, in their order."""
    return tuple(dict.fromkeys(name.rpartition(".")[0] for name in names))


def _counted(name: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", name)), name
