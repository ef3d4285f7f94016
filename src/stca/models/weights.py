"""Weights on disk: ours, the official STCA checkpoint, ImageNet and Kinetics backbones.

Code in a file is never run: `torch.load(weights_only=True)` reads tensors and plain containers, and
numpy scalars (which the official training script saves beside the weights) by a reader of our own.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor

from stca.errors import CheckpointError, ConfigError
from stca.files import atomic_write
from stca.lookup import as_tuples, is_safe
from stca.models.create import MODELS, build_model
from stca.models.heads import ReIDModel

State = dict[str, Tensor]

_OFFICIAL = (
    (r"base_a1\.0\.", "stream2d.conv1."),
    (r"base_a1\.1\.", "stream2d.bn1."),
    (r"base_a1\.4\.", "stream2d.layer1."),
    (r"base_a1\.5\.", "stream2d.layer2."),
    (r"base_a1\.6\.", "stream2d.layer3."),
    (r"base_a2\.0\.", "stream2d.layer4."),
    (r"attention\.conv1\.conv\.", "attention.squeeze."),
    (r"attention\.conv1\.bn\.", "attention.norm."),
    (r"attention\.conv2\.", "attention.expand."),
    (r"fc\.bn\.", "head.norm."),
    (r"fc\.classifier\.", "head.classifier."),
    (r"(?=(conv1|bn1|layer[1-4])\.)", "stream3d."),
)


@dataclass(frozen=True)
class WeightsReport:
    """What became of a checkpoint's tensors.

    `used` are names in the model; `unused` are names in the file; `missing` are the model's own tensors that
    the file does not fill and that keep what they had.
    """

    path: Path
    layout: str
    used: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.path.name}: {self.layout} weights, {len(self.used)} tensors used, "
            f"{len(self.unused)} of the file not used, {len(self.missing)} of the model not in it"
        ]
        lines += [f"  {what}: {_shorten(names)}" for what, names in self._leftovers() if names]
        return "\n".join(lines)

    def _leftovers(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("not used", self.unused), ("not in the file", self.missing)


def load_weights(model: ReIDModel, path: Path, *, inflate: bool = False) -> WeightsReport:
    """Fill `model` from a file and report which tensors were used.

    The layout is recognised by its names: ours; the official STCA checkpoint; a ResNet50(-IBN-a) from
    ImageNet, into the 2D stream; a ResNet3D-50 from Kinetics, into the 3D stream. It may be wrapped
    (`{"state_dict": ...}`, also "model", "net") and prefixed (`module.`). A classifier for another number of
    identities is left out and reported.

    Args:
        model: changed in place; untouched when anything fails.
        path: .safetensors, or a .pth / .pt file.
        inflate: put ImageNet 2D weights into the 3D stream: repeated over time and divided by the kernel's
            length, so that a still video gives what the image gave.

    Raises:
        CheckpointError: no checkpoint, an unknown layout, or weights of another network or image size.

    """
    path = Path(path)
    state = read_state(path)
    layout, filled = _translate(state, model, path=path, inflate=inflate)
    report = _fill(model, filled, layout=layout, path=path)
    return dataclasses.replace(report, unused=_in_the_file(report.unused, state))


def read_state(path: Path) -> State:
    """The tensors of a checkpoint, unwrapped and without `module.`.

    Raises:
        CheckpointError: missing, damaged, or not made of tensors alone.

    """
    if not path.is_file():
        raise CheckpointError("There is no checkpoint", expected="a file", where=path)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for wrapper in ("state_dict", "model_state_dict", "model", "net"):
        if isinstance(inner := content.get(wrapper), Mapping):
            content = inner
            break
    state = {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}
    if not state:
        raise CheckpointError(
            "This file holds no weights",
            expected="tensors by name, perhaps under 'state_dict'",
            found=f"keys {_shorten(tuple(map(str, content)))}",
            where=path,
        )
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
            found=str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
            where=path,
            hint="save it again as torch.save(model.state_dict(), path)",
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(
            "This file holds no weights", expected="a dict", found=type(content).__name__, where=path
        )
    return content


def _translate(state: State, model: ReIDModel, *, path: Path, inflate: bool) -> tuple[str, State]:
    """Name the layout and give the tensors our names."""
    own = model.state_dict()
    if "base_a1.0.weight" in state:
        return "official STCA", {_official_name(k): v for k, v in state.items()}
    if any(name in own for name in state):
        return "stca", state
    stem = state.get("conv1.weight")
    if stem is not None and stem.ndim == 5:
        return "Kinetics ResNet3D", _into_stream(state, own, "stream3d.")
    if stem is not None and stem.ndim == 4:
        filled = _into_stream(state, own, "stream2d.")
        if inflate:
            filled |= _inflate(state, own)
        return "ImageNet ResNet", filled
    raise CheckpointError(
        "These weights are of no layout that is known",
        expected="ours, official STCA, ImageNet ResNet50(-IBN-a), or Kinetics ResNet3D-50",
        found=f"tensors {_shorten(tuple(state))}",
        where=path,
    )


def _official_name(name: str) -> str:
    for pattern, ours in _OFFICIAL:
        renamed, count = re.subn("^" + pattern, ours, name)
        if count:
            return renamed
    return name


def _in_the_file(names: tuple[str, ...], state: State) -> tuple[str, ...]:
    """Our names back to those of the file."""
    theirs = {_official_name(name): name for name in state}
    return tuple(
        name if name in state else theirs.get(name) or re.sub(r"^stream[23]d\.", "", name) for name in names
    )


def _into_stream(state: State, own: Mapping[str, Tensor], prefix: str) -> State:
    """Backbone tensors under our prefix; a plain batch norm is shared out to IBN's two halves."""
    filled = {}
    for name, tensor in state.items():
        target = prefix + name
        module, _, leaf = target.rpartition(".")
        if target not in own and f"{module}.BN.running_mean" in own:
            half = len(own[f"{module}.IN.weight"])
            filled[f"{module}.BN.{leaf}"] = tensor[half:] if tensor.ndim else tensor
            if leaf in ("weight", "bias"):
                filled[f"{module}.IN.{leaf}"] = tensor[:half]
        else:
            filled[target] = tensor
    return filled


def _inflate(state: State, own: Mapping[str, Tensor]) -> State:
    filled = {}
    for name, tensor in state.items():
        target = own.get("stream3d." + name)
        if target is None:
            continue
        if target.ndim == 5:
            tensor = tensor.unsqueeze(2).expand(-1, -1, target.shape[2], -1, -1) / target.shape[2]
        filled["stream3d." + name] = tensor
    return filled


def _fill(model: ReIDModel, filled: State, *, layout: str, path: Path) -> WeightsReport:
    own = model.state_dict()
    fitting, unused = {}, []
    for name, tensor in filled.items():
        if name not in own:
            unused.append(name)
            continue
        while tensor.ndim > own[name].ndim and tensor.shape[-1] == 1:
            tensor = tensor.squeeze(-1)
        if tensor.shape == own[name].shape:
            fitting[name] = tensor
        elif name.startswith("head.classifier."):
            unused.append(name)
        else:
            raise _misfit(model, name, tensor, path)
    missing = tuple(name for name in own if name not in fitting)
    whole = layout in ("stca", "official STCA")
    lost = [n for n in missing if not n.startswith("head.classifier.") and "num_batches" not in n]
    if not fitting or (whole and lost):
        raise CheckpointError(
            "This checkpoint does not fill this model",
            expected=f"all tensors of {type(model).__name__}",
            found=f"{layout} weights without {_shorten(tuple(lost))}",
            where=path,
        )
    model.load_state_dict(fitting, strict=False)
    return WeightsReport(path, layout, tuple(fitting), tuple(unused), missing)


def _misfit(model: ReIDModel, name: str, tensor: Tensor, path: Path) -> CheckpointError:
    if name.startswith("attention."):
        theirs, ours = (max(t.shape) for t in (tensor, model.state_dict()[name]))
        return CheckpointError(
            "This checkpoint was made for another image size",
            expected=f"attention over {ours} positions, as {model.image_size[0]}x{model.image_size[1]} has",
            found=f"{name} for {theirs}",
            where=path,
            hint="create the model with the checkpoint's image_size (192 positions are 384x128)",
        )
    return CheckpointError(
        "This checkpoint is of another network",
        expected=f"{name} of shape {tuple(model.state_dict()[name].shape)}",
        found=tuple(tensor.shape),
        where=path,
    )


def model_bytes(model: ReIDModel) -> bytes:
    """Weights, and what it takes to build the model again, as the content of a .safetensors file."""
    spec = {**dataclasses.asdict(model.spec), "clip_len": model.clip_len}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content: bytes = to_safetensors(tensors, metadata={"stca": json.dumps(spec)})
    return content


def save_model(model: ReIDModel, path: Path) -> None:
    """Write the model as one .safetensors file, atomically."""
    with atomic_write(Path(path)) as file:
        file.write(model_bytes(model))


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


def _shorten(names: tuple[str, ...], most: int = 6) -> str:
    return ", ".join(names[:most]) + (f", and {len(names) - most} more" if len(names) > most else "")
