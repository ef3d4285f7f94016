"""Load weights into our networks: our own, the official STCA checkpoint, ImageNet and Kinetics backbones."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stca.errors import CheckpointError
from stca.models.heads import ReIDModel
from stca.models.peers import PeerModel
from stca.models.weights.mobilenet import MOBILENET, into_mobilenet
from stca.models.weights.peers import into_copies, into_trunk, is_official_peer, official_name
from stca.models.weights.reading import State, read_state, shorten

_OFFICIAL_LAYOUT = "official"
_OF_IDENTITIES = re.compile(r"head\S*\.classifier\.")
"""Tensors that depend on the number of identities; some peers have several heads."""
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
    """Which tensors of a checkpoint were used.

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
        lines += [f"  {what}: {shorten(names)}" for what, names in self._leftovers() if names]
        return "\n".join(lines)

    def _leftovers(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("not used", self.unused), ("not in the file", self.missing)


def load_weights(model: ReIDModel, path: Path, *, inflate: bool = False) -> WeightsReport:
    """Fill `model` from a file and report which tensors were used.

    The layout is recognised by its names: ours; the official STCA checkpoint, or that of the peer that
    `model` is; a ResNet50(-IBN-a) or a MobileNetV2 from ImageNet, into the 2D stream; a ResNet3D-50 from
    Kinetics, into the 3D stream. It may be wrapped (`{"state_dict": ...}`, also "model", "net") and prefixed
    (`module.`). A classifier for another number of identities, or a last layer of MobileNetV2 of other
    channels, is left out and reported.

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
    return dataclasses.replace(report, unused=_in_the_file(report.unused, state, model))


def _translate(state: State, model: ReIDModel, *, path: Path, inflate: bool) -> tuple[str, State]:
    """Name the layout and give the tensors our names."""
    own = model.state_dict()
    if isinstance(model, PeerModel) and is_official_peer(state, model):
        return f"{_OFFICIAL_LAYOUT} {model.system}", {official_name(k, model): v for k, v in state.items()}
    if "base_a1.0.weight" in state:
        return f"{_OFFICIAL_LAYOUT} STCA", {_official_name(k): v for k, v in state.items()}
    if any(name in own for name in state):
        return "stca", state
    stem = state.get("conv1.weight")
    if stem is not None and stem.ndim == 5:
        return "Kinetics ResNet3D", _into_stream(state, own, "stream3d.")
    if stem is not None and stem.ndim == 4:
        if isinstance(model, PeerModel):
            state = into_trunk(state, model)
        filled = _into_stream(state, own, "stream2d.")
        if inflate:
            inflated = _inflate(state, own)
            used = {name.replace("stream3d.", "stream2d.") for name in inflated}
            filled = {k: v for k, v in filled.items() if k in own or k not in used} | inflated
        if isinstance(model, PeerModel):
            filled = into_copies(filled, model)
        return "ImageNet ResNet", filled
    if "features.0.0.weight" in state:
        return MOBILENET, into_mobilenet(state, own, path=path)
    raise CheckpointError(
        "These weights are of no layout that is known",
        expected="ours, official STCA, ImageNet ResNet50(-IBN-a) or MobileNetV2, or Kinetics ResNet3D-50",
        found=f"tensors {shorten(tuple(state))}",
        where=path,
    )


def _official_name(name: str) -> str:
    for pattern, ours in _OFFICIAL:
        renamed, count = re.subn("^" + pattern, ours, name)
        if count:
            return renamed
    return name


def _in_the_file(names: tuple[str, ...], state: State, model: ReIDModel) -> tuple[str, ...]:
    """Our names back to those of the file."""
    if isinstance(model, PeerModel):
        theirs = {official_name(name, model): name for name in state}
    else:
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
        tensor = _without_ones(tensor, own[name].ndim)
        if tensor.shape == own[name].shape:
            fitting[name] = tensor
        elif _OF_IDENTITIES.search(name):
            unused.append(name)
        else:
            raise _shape_error(model, name, tensor, path)
    missing = tuple(name for name in own if name not in fitting)
    whole = layout == "stca" or layout.startswith(_OFFICIAL_LAYOUT)
    lost = [n for n in missing if not _OF_IDENTITIES.search(n) and "num_batches" not in n]
    if not fitting or (whole and lost):
        raise CheckpointError(
            "This checkpoint does not fill this model",
            expected=f"all tensors of {type(model).__name__}",
            found=f"{layout} weights without {shorten(tuple(lost))}",
            where=path,
        )
    model.load_state_dict(fitting, strict=False)
    return WeightsReport(path, layout, tuple(fitting), tuple(unused), missing)


def _without_ones(tensor: Tensor, ndim: int) -> Tensor:
    """Kernels of one place as matrices, and those of one frame as kernels of images."""
    while tensor.ndim > ndim and tensor.shape[-1] == 1:
        tensor = tensor.squeeze(-1)
    one_frame = (tensor.ndim, ndim) == (5, 4) and tensor.shape[2] == 1
    return tensor.squeeze(2) if one_frame else tensor


def _shape_error(model: ReIDModel, name: str, tensor: Tensor, path: Path) -> CheckpointError:
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
