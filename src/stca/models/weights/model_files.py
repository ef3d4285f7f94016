"""A model as one .safetensors file: its weights, name and options."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors

from stca.errors import CheckpointError, ConfigError
from stca.models.create import MODELS, build_model
from stca.models.heads import ReIDModel
from stca.models.weights.foreign import load_weights
from stca.tools.files import atomic_write
from stca.tools.lookup import as_tuples, is_safe


def model_bytes(model: ReIDModel, *, half: bool = False) -> bytes:
    """Weights, and what it takes to build the model again, as the content of a .safetensors file.

    Args:
        model: what to write.
        half: keep numbers in float16, in half the space; `load_model` makes float32 of them again.

    """
    spec = {**dataclasses.asdict(model.spec), "clip_len": model.clip_len}
    kept = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    if half:
        kept = {name: t.half() if t.is_floating_point() else t for name, t in kept.items()}
    tensors = {name: tensor.contiguous() for name, tensor in kept.items()}
    content: bytes = to_safetensors(tensors, metadata={"stca": json.dumps(spec)})
    return content


def save_model(model: ReIDModel, path: Path, *, half: bool = False) -> None:
    """Write the model as one .safetensors file, atomically; `half`: see `model_bytes`."""
    with atomic_write(Path(path)) as file:
        file.write(model_bytes(model, half=half))


def load_model(path: Path) -> ReIDModel:
    """Build the model that `save_model` wrote, in evaluation mode.

    Raises:
        CheckpointError: the file is missing or was not written by `save_model`.

    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("There is no model", expected="a .safetensors file of ours", where=path)
    try:
        with safe_open(path, framework="pt") as file:
            spec = json.loads((file.metadata() or {})["stca"])
        options = {name: as_tuples(value) for name, value in spec["options"].items()}
        size = tuple(spec["image_size"])
        if not is_safe(MODELS, spec["name"]):
            raise ConfigError(
                "This file's model is defined in a module that is not imported",
                found=spec["name"],
                hint="import that module first, if you trust it",
            )
        model = build_model(spec["name"], num_ids=spec["num_ids"], options={**options, "image_size": size})
        model.clip_len = int(spec["clip_len"])
        if not 1 <= model.clip_len <= 10_000:
            raise ValueError(f"clip_len {model.clip_len}")
    except (
        SafetensorError,
        OSError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
        ConfigError,
    ) as error:
        raise CheckpointError(
            "This is no model of ours",
            expected="a .safetensors file written by `stca train` or `save_model`",
            found=error if isinstance(error, ConfigError) else repr(error),
            where=path,
            hint="weights alone go into a model by load_weights(create_model(...), path)",
        ) from error
    if model.state_dict():
        load_weights(model, path)
    return model.eval()
