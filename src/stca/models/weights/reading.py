"""Read the tensors of a checkpoint. Code in a file is never run.

`torch.load(weights_only=True)` reads tensors and plain containers, and numpy scalars (which the official
training script saves beside the weights) by a reader of our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from stca.errors import CheckpointError, first_line

State = dict[str, Tensor]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
_MOST_WRAPPERS = 3
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")


def read_state(path: Path) -> State:
    """The tensors of a checkpoint, unwrapped, and without the prefixes that wrappers give their names.

    Raises:
        CheckpointError: missing, damaged, or not made of tensors alone.

    """
    if not path.is_file():
        raise CheckpointError("There is no checkpoint", expected="a file", where=path)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for _ in range(_MOST_WRAPPERS):
        inner = next((content[name] for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            break
        content = inner
    state = _without_prefixes({str(k): v for k, v in content.items() if isinstance(v, Tensor)})
    if not state:
        raise CheckpointError(
            "This file holds no weights",
            expected="tensors by name, perhaps under 'state_dict'",
            found=f"keys {shorten(tuple(map(str, content)))}",
            where=path,
        )
    return state


def _without_prefixes(state: State) -> State:
    """Names without what wrappers put in front of them: `DataParallel`, `torch.compile`, Lightning modules.

    A prefix counts where most names have it; "backbone." is a layer's own name beside fast-reid's "heads.".
    """
    while True:
        for prefix in _PREFIXES:
            wrapped = sum(name.startswith(prefix) for name in state)
            if 2 * wrapped > len(state) and not (
                prefix == "backbone." and any(name.startswith("heads.") for name in state)
            ):
                state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
                break
        else:
            return state


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError("Cannot read this checkpoint", found=error, where=path) from error


def _numpy_scalar(kind: np.dtype[Any], data: bytes | str = b"") -> object:
    """Stand-in for numpy's own unpickler of scalars, which would run pickled code for object types."""
    if kind.kind not in "biufc":
        raise CheckpointError("A numpy object in a checkpoint is not read", found=kind)
    raw = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(raw, dtype=kind, count=1)[0].item()


def _safe_numpy() -> list[Any]:
    kinds = [getattr(np.dtypes, name) for name in dir(np.dtypes) if re.fullmatch(r"\w+\d+DType", name)]
    readers = [(_numpy_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [*readers, np.dtype, *kinds, np.dtypes.BoolDType]


def _read_torch(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith((b"PK", b"\x80")):  # a zip, or a pickle as PyTorch wrote before 1.6
        raise CheckpointError(
            "This is no checkpoint",
            expected="what torch.save writes",
            found=f"a file that begins {head!r}",
            where=path,
        )
    try:
        with torch.serialization.safe_globals(_safe_numpy()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in any of a dozen ways
        raise CheckpointError(
            "Cannot read this checkpoint",
            expected="tensors and plain values; code in a file is never run",
            found=first_line(error),
            where=path,
            hint="save it again as torch.save(model.state_dict(), path)",
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(
            "This file holds no weights", expected="a dict", found=type(content).__name__, where=path
        )
    return content


def shorten(names: tuple[str, ...], most: int = 6) -> str:
    """The first `most` names, and the number of the others."""
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")
