"""A model from the name that a user gives: a file, a run's folder, or a kind of model."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import torch

from stca.catalogue import NETWORKS
from stca.errors import CheckpointError, ConfigError
from stca.models import (
    DEFAULT_PRETRAINED,
    IMAGE_REID_SUFFIXES,
    MODELS,
    ImageReID,
    ReIDModel,
    create_model,
    load_model,
    load_pretrained,
    load_reid_checkpoint,
)
from stca.run_dir import RunDir

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar")
MODEL_SUFFIXES = (".safetensors", *CHECKPOINT_SUFFIXES, *IMAGE_REID_SUFFIXES)
_WITH_OPTIONS = re.compile(
    rf"(?P<file>.+(?:{'|'.join(map(re.escape, MODEL_SUFFIXES))})):(?P<options>\w+=.+)", re.IGNORECASE
)
_OPTIONS = ("pixels", "output", "size", "device")


def open_model(name: str, *, like: ReIDModel | None = None, seed: int = 0) -> ReIDModel:
    """Open a run's folder, a file, or a model by its name, which is then untrained: stderr says so.

    Files are our own (.safetensors), image re-identification networks in ONNX (.onnx) or OpenVINO IR (.xml),
    and PyTorch checkpoints of such networks (.pth, .pt, .ckpt, .pth.tar). What a file was taken for is
    printed on stderr. Options may follow a file's name: `net.onnx:pixels=raw-bgr,output=features`, also
    `size=384x128` and `device=cuda`; see `stca.models.ImageReID`.

    "pretrained", or "pretrained:NAME", is a trained network of the package (`load_pretrained`); the name of a
    network of the catalogue (`stca weights list`) is that network, which must have been fetched.

    Args:
        name: what to open.
        like: an untrained model takes its image size, clip length and, where it is the same kind, its
            options from this one, so that the two compare.
        seed: of an untrained model's weights.

    Raises:
        CheckpointError: a path without a model.
        ConfigError: neither a path nor a model, or options that the file cannot have.
        StcaError: onnxruntime or openvino is needed and not installed.

    """
    if name.partition(":")[0] == "pretrained":
        return load_pretrained(name.partition(":")[2] or DEFAULT_PRETRAINED)
    if name in NETWORKS and not Path(name).exists():
        return load_pretrained(name)
    file, options = split_options(name)
    suffix = Path(file).suffix.lower()
    if suffix in IMAGE_REID_SUFFIXES:
        network = ImageReID(file, **options)
        print(network.summary, file=sys.stderr)
        return network.eval()
    if suffix in CHECKPOINT_SUFFIXES and not Path(file).is_dir():
        return _open_checkpoint(Path(file), options)
    if options:
        raise ConfigError("This kind of model takes no options behind its name", found=options, where=file)
    if is_path(name):
        return load_run(Path(name))
    model = untrained_model(name, like=like, seed=seed)
    # A function of somebody else's package may load weights itself.
    if name in MODELS and next(model.parameters(), None) is not None:
        print(
            f"warning: {name}: its weights are random, nothing has trained them (trained ones are named by a "
            "run's folder, a model file or 'pretrained')",
            file=sys.stderr,
        )
    return model


def untrained_model(name: str, *, like: ReIDModel | None = None, seed: int = 0) -> ReIDModel:
    """A model by its name, with random weights; `open_model` has the arguments."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if like is None:
            return create_model(name, num_ids=1).eval()
        own = like.spec.options if like.spec.name == name else {}
        model = create_model(name, num_ids=like.spec.num_ids, image_size=like.image_size, **own)
    model.clip_len = like.clip_len
    return model.eval()


def load_run(path: Path) -> ReIDModel:
    """The newest model of a run's folder, or of a .safetensors file, in evaluation mode.

    A .safetensors file may also hold another project's network (`load_reid_checkpoint`).

    Raises:
        CheckpointError: none of them.

    """
    if path.suffix != ".safetensors":
        return load_model(RunDir.open(path).model_path())
    try:
        return load_model(path)
    except CheckpointError as error:
        try:
            return _open_checkpoint(path, {})
        except CheckpointError:
            raise error from None


def _open_checkpoint(path: Path, options: dict[str, Any]) -> ReIDModel:
    if others := [name for name in options if name != "image_size"]:
        raise ConfigError(
            "A PyTorch checkpoint has no such option", expected="size", found=", ".join(others), where=path
        )
    model, report = load_reid_checkpoint(path, **options)
    height, width = model.image_size
    print(f"{report}\n  pixels: {height}x{width}, RGB, ImageNet-normalised", file=sys.stderr)
    return model


def is_path(name: str) -> bool:
    """Whether `name` means a run's folder or a file, and not a model's name."""
    return Path(name).exists() or len(Path(name).parts) > 1 or is_model_file(name)


def is_model_file(name: str) -> bool:
    """Whether `name` means one file with a model in it, which knows no run and no data."""
    return Path(_split(name)[0]).suffix.lower() in MODEL_SUFFIXES and not Path(name).is_dir()


def add_options(name: str, **options: str | None) -> str:
    """The name of a model file with options behind it; those that are None are left out.

    Raises:
        ConfigError: options, and a name that is none of a model file.

    """
    file, before = _split(name)
    text = ",".join([*filter(None, [before]), *(f"{key}={value}" for key, value in options.items() if value)])
    if not text:
        return name
    if not is_model_file(name):
        raise ConfigError(
            f"{', '.join(f'--{key}' for key, value in options.items() if value)} is for networks in files",
            expected=f"a file that ends in {', '.join(MODEL_SUFFIXES)}",
            found=name,
        )
    return f"{file}:{text}"


def split_options(name: str) -> tuple[str, dict[str, Any]]:
    """A model file's name, and the options behind it as keywords.

    Raises:
        ConfigError: an option there is not, or a size that is none.

    """
    file, text = _split(name)
    options: dict[str, Any] = dict(part.partition("=")[::2] for part in text.split(",")) if text else {}
    for key in options:
        if key not in _OPTIONS:
            raise ConfigError(
                "A model file has no such option", expected=", ".join(_OPTIONS), found=key, where=name
            )
    if (size := options.pop("size", None)) is not None:
        match = re.fullmatch(r"(\d+)x(\d+)", size)
        if not match:
            raise ConfigError("A size is HEIGHTxWIDTH", expected="for example size=256x128", found=size)
        options["image_size"] = (int(match[1]), int(match[2]))
    return file, options


def _split(name: str) -> tuple[str, str]:
    match = None if Path(name).exists() else _WITH_OPTIONS.fullmatch(name)
    return (match["file"], match["options"]) if match else (name, "")
