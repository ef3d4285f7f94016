"""Checkpoints of other projects' image re-identification networks, recognised by their tensors' names.

torchreid (OSNet, OSNet-IBN, OSNet-AIN), reid-strong-baseline and fast-reid (ResNet-50 and ResNet-101, with or
without IBN-a).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stca.errors import CheckpointError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models.create import build_model
from stca.models.heads import ReIDModel
from stca.models.image_network import ImageNetwork
from stca.models.weights.foreign import WeightsReport
from stca.models.weights.reading import State, read_state, shorten

READABLE = (
    "a torchreid OSNet, or a ResNet-50 or -101 of fast-reid or reid-strong-baseline (with BN neck, with or "
    "without IBN-a)"
)

_OSNET = (
    (r"^conv1\.conv\.", "stem.0."),
    (r"^conv1\.bn\.", "stem.1."),
    (r"^conv5\.conv\.", "transition3.0.0."),
    (r"^conv5\.bn\.", "transition3.0.1."),
    (r"^(?:pool2|conv2\.2)\.0\.conv\.", "transition1.0.0."),
    (r"^(?:pool2|conv2\.2)\.0\.bn\.", "transition1.0.1."),
    (r"^(?:pool3|conv3\.2)\.0\.conv\.", "transition2.0.0."),
    (r"^(?:pool3|conv3\.2)\.0\.bn\.", "transition2.0.1."),
    (r"^fc\.", "project."),
    (r"^conv2\.", "stage1."),
    (r"^conv3\.", "stage2."),
    (r"^conv4\.", "stage3."),
    (r"\.conv1\.conv\.", ".reduce.0."),
    (r"\.conv1\.bn\.", ".reduce.1."),
    (r"\.conv2a\.", ".scales.0.0."),
    (r"\.conv2b\.", ".scales.1."),
    (r"\.conv2c\.", ".scales.2."),
    (r"\.conv2d\.", ".scales.3."),
    (r"\.conv2\.(\d)\.layers\.", r".scales.\1."),
    (r"(scales\.\d\.\d)\.conv1\.", r"\1.pointwise."),
    (r"(scales\.\d\.\d)\.conv2\.", r"\1.depthwise.0."),
    (r"(scales\.\d\.\d)\.bn\.", r"\1.depthwise.1."),
    (r"\.gate\.fc1\.", ".gate.squeeze."),
    (r"\.gate\.fc2\.", ".gate.expand."),
    (r"\.conv3\.conv\.", ".expand.0."),
    (r"\.conv3\.bn\.", ".expand.1."),
    (r"\.downsample\.conv\.", ".shortcut.0."),
    (r"\.downsample\.bn\.", ".shortcut.1."),
)
_BAG_OF_TRICKS = (
    (r"^(?:base|backbone)\.NL_([23])\.(\d+)\.theta\.(?:0\.)?", r"NL\1.\2.query."),
    (r"^(?:base|backbone)\.NL_([23])\.(\d+)\.phi\.(?:0\.)?", r"NL\1.\2.key."),
    (r"^(?:base|backbone)\.NL_([23])\.(\d+)\.g\.(?:0\.)?", r"NL\1.\2.value."),
    (r"^(?:base|backbone)\.NL_([23])\.(\d+)\.W\.", r"NL\1.\2.project."),
    (r"^(?:base|backbone)\.", "trunk."),
    (r"^heads\.pool_layer\.p$", "pooling.p"),
    (r"^bottleneck\.", "neck."),
)
_UNUSED = re.compile(
    r"(.*\.)?(num_batches_tracked|pixel_mean|pixel_std)$|(heads\.)?(classifier|cls_layer)\.|heads\.weight$"
    r"|(base\.|backbone\.)fc\.|(.*_)?(loss|losses|criterion|centers?)\."
)
"""Classifiers, buffers and losses: no vector passes through them."""


@dataclass(frozen=True)
class _Recognised:
    """Which network a checkpoint is of.

    Args:
        source: the project.
        architecture: of `ARCHITECTURES`.
        names: from a tensor's name in the file to its name in our network.
        image_size: (H, W) the project trains it at.
        options: more keywords of `ImageNetwork`.

    """

    source: str
    architecture: str
    names: dict[str, str]
    image_size: tuple[int, int] = (256, 128)
    options: dict[str, object] = field(default_factory=dict)


def is_reid_checkpoint(state: State) -> bool:
    """Whether the names are those of a kind of network that `load_reid_checkpoint` knows."""
    return _is_osnet(state) or any(
        stem in state and any(name.startswith(neck) for name in state)
        for stem, neck in (("base.conv1.weight", "bottleneck."), ("backbone.conv1.weight", "heads."))
    )


def load_reid_checkpoint(
    path: Path, *, image_size: tuple[int, int] | None = None, clip_len: int = 8
) -> tuple[ReIDModel, WeightsReport]:
    """Build the image re-identification network that a checkpoint is of, in evaluation mode.

    Its vectors are those of the project that trained it: after the last layer (OSNet) or after the BN neck.
    Frames are RGB, ImageNet-normalised, which is the default of all three projects.

    Args:
        path: .pth, .pt, .ckpt or .safetensors.
        image_size: (H, W) of the frames; default 256x128, or 384x128 for fast-reid's SBS networks.
        clip_len: frames per clip.

    Returns:
        the model, and what became of the file's tensors.

    Raises:
        CheckpointError: another network, or one whose vectors could not be the same.

    """
    path = Path(path)
    state = read_state(path)
    found = _recognise(state, path)
    _check_pixels(state, path)
    options = {
        **found.options,
        "architecture": found.architecture,
        "image_size": image_size or found.image_size,
        "clip_len": clip_len,
    }
    model = build_model(f"{ImageNetwork.__module__}:ImageNetwork", num_ids=0, options=options)
    _fill(model, {f"network.{ours}": state[name] for name, ours in found.names.items()}, found, path)
    unused = tuple(n for n in state if n not in found.names and not n.endswith("num_batches_tracked"))
    layout = f"{found.source} {found.architecture}"
    return model.eval(), WeightsReport(path, layout, tuple(found.names.values()), unused, ())


def _recognise(state: State, path: Path) -> _Recognised:
    if _is_osnet(state):
        return _recognise_osnet(state, path)
    if "base.conv1.weight" in state and "bottleneck.running_mean" in state:
        return _recognise_bag_of_tricks(state, path, "strong_baseline")
    if "backbone.conv1.weight" in state and any(name.startswith("heads.") for name in state):
        return _recognise_bag_of_tricks(state, path, "fastreid")
    raise _unreadable(path, f"tensors {shorten(tuple(state))}")


def _is_osnet(state: State) -> bool:
    return "conv1.conv.weight" in state and "conv5.conv.weight" in state


def _recognise_osnet(state: State, path: Path) -> _Recognised:
    prefix = "ain_" if "pool2.0.conv.weight" in state else "ibn_" if "conv2.0.IN.weight" in state else ""
    channels = len(state["conv1.conv.weight"])
    width = {16: "x0_25", 32: "x0_5", 48: "x0_75", 64: "x1_0"}.get(channels)
    if width is None or "fc.0.weight" not in state:
        raise _unreadable(path, f"an OSNet with {channels} stem channels, or without a last linear layer")
    inside = ".expand.1." if prefix == "ain_" else ".after."
    rules = (*_OSNET, (r"\.IN\.", inside))
    names = {name: _rename(name, rules) for name in state if not _UNUSED.match(name)}
    options: dict[str, object] = {"dim": len(state["fc.0.weight"])}
    return _Recognised("torchreid", f"osnet_{prefix}{width}", names, options=options)


def _recognise_bag_of_tricks(state: State, path: Path, source: str) -> _Recognised:
    trunk = "base" if source == "strong_baseline" else "backbone"
    blocks = {int(match[1]) for name in state if (match := re.match(rf"{trunk}\.layer3\.(\d+)\.", name))}
    depth = {6: "50", 23: "101"}.get(len(blocks))
    if depth is None or f"{trunk}.layer1.0.conv3.weight" not in state:
        raise _unreadable(path, f"a {source} network with {len(blocks)} blocks in the third stage")
    ibn = "_ibn_a" if f"{trunk}.layer1.0.bn1.IN.weight" in state else ""
    rules, layers = [*_BAG_OF_TRICKS], (4, len(blocks))
    options: dict[str, object] = {}
    neck = "heads.bottleneck.0."
    if (reduction := state.get(f"{neck}weight")) is not None and reduction.ndim == 4:
        rules.append((r"^heads\.bottleneck\.0\.", "reduce."))
        options["dim"], neck = len(reduction), "heads.bottleneck.1."
    if "heads.bottleneck.0.running_mean" not in state and "heads.bnneck.running_mean" in state:
        neck = "heads.bnneck."  # fast-reid before 0.3, which later versions read under the present name
    rules.append((f"^{re.escape(neck)}", "neck."))
    gem = "heads.pool_layer.p" in state
    queries = [len(value) for name, value in state.items() if re.search(r"NL_2\.0\.theta\..*weight", name)]
    inner = queries[0] if queries else 0
    if inner and not gem:
        raise _unreadable(path, "fast-reid's AGW, whose pooling its checkpoints do not state")
    options |= {"gem": gem, "non_local": inner}
    for number in (2, 3):  # non-local blocks lie behind the last blocks of their stage
        count = len({name.split(".")[2] for name in state if name.startswith(f"{trunk}.NL_{number}.")})
        for place in range(count):
            block = layers[number - 2] - count + place
            rules.append((rf"^NL{number}\.{place}\.", f"trunk.layer{number}.{block}.non_local."))
    names = {name: _rename(name, tuple(rules)) for name in state if not _UNUSED.match(name)}
    size = (384, 128) if inner else (256, 128)
    label = "reid-strong-baseline" if source == "strong_baseline" else "fast-reid"
    return _Recognised(label, f"{source}_resnet{depth}{ibn}", names, size, options)


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _check_pixels(state: State, path: Path) -> None:
    """Some versions of fast-reid keep in the checkpoint what is subtracted from pixels of 0 to 255."""
    for name, usual in (("pixel_mean", IMAGENET_MEAN), ("pixel_std", IMAGENET_STD)):
        if name in state and not np.allclose(state[name].flatten() / 255, usual, atol=2e-3):
            raise _unreadable(path, f"{name} {state[name].flatten().tolist()}, which is not ImageNet's")


def _fill(model: ReIDModel, tensors: State, found: _Recognised, path: Path) -> None:
    own = model.state_dict()
    unknown = tuple(name.removeprefix("network.") for name in tensors if name not in own)
    missing = tuple(name for name in own if name not in tensors and "num_batches" not in name)
    if unknown or missing:
        what = "with other layers" if unknown else "without"
        raise _unreadable(path, f"{found.source} {found.architecture} {what}: {shorten(unknown or missing)}")
    for name, tensor in tensors.items():
        while tensor.ndim > own[name].ndim and tensor.shape[-1] == 1:
            tensor = tensor.squeeze(-1)
        if tensor.shape != own[name].shape:
            expected, size = tuple(own[name].shape), tuple(tensor.shape)
            raise _unreadable(path, f"{found.architecture} whose {name} is {size}, not {expected}")
        own[name].copy_(tensor)


def _unreadable(path: Path, found: str) -> CheckpointError:
    return CheckpointError(
        "This is no re-identification network that can be built from its checkpoint",
        expected=READABLE,
        found=found,
        where=path,
        hint="export it to ONNX with the project that trained it, and give that file; weights of STCA or "
        "of a backbone go into a model by load_weights(create_model(...), path)",
    )
