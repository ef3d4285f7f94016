"""Image re-identification networks from a file (ONNX or OpenVINO IR), asked frame by frame.

Such a network turns one picture into one vector. A clip's vector here is the mean over its frames of the
vectors at length 1, so that no single frame counts more than another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from stca.errors import CheckpointError, ConfigError, StcaError
from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models.heads import IdentityHead, ModelSpec, ReIDModel
from stca.tools.openvino_import import import_openvino, openvino_core, openvino_name

Pixels = Literal["imagenet-rgb", "unit-rgb", "raw-rgb", "raw-bgr"]
PIXELS: tuple[Pixels, ...] = ("imagenet-rgb", "unit-rgb", "raw-rgb", "raw-bgr")
IMAGE_REID_SUFFIXES: dict[str, Pixels] = {".onnx": "imagenet-rgb", ".xml": "raw-bgr"}
"""Kinds of file, and the pixels each expects unless it is told otherwise."""

Pictures = Float32[np.ndarray, "N 3 H W"]
Ask = Callable[[Any], Any]  # pictures to vectors


class ImageReID(ReIDModel):
    """An image re-identification network as a model of clips. It cannot be trained here.

    Args:
        path: an `.onnx` file (needs onnxruntime), or the `.xml` of an OpenVINO IR with its `.bin` beside it.
        num_ids: ignored; there for the common signature.
        pixels: what the network expects. "imagenet-rgb": RGB, ImageNet-normalised, what PyTorch networks are
            trained on and the default for `.onnx`; "raw-bgr": BGR from 0 to 255, what the Open Model Zoo's
            networks take and the default for `.xml`; "unit-rgb": RGB from 0 to 1; "raw-rgb": from 0 to 255.
        image_size: (H, W) of the frames; default what the file says, or (256, 128) where it leaves it open.
        clip_len: frames per clip; changes no result but that of a tracklet's last, filled-up clip.

    Raises:
        CheckpointError: no such file, or none with such a network in it.
        ConfigError: another kind of file, unknown pixels, or an image size that the file does not have.
        StcaError: the package that opens this kind of file is not installed.

    """

    trainable = False
    exportable = False
    digest: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        path: str | Path,
        *,
        num_ids: int = 0,
        pixels: Pixels | None = None,
        image_size: tuple[int, int] | None = None,
        clip_len: int = 8,
    ) -> None:
        path = Path(path)
        if path.suffix.lower() not in IMAGE_REID_SUFFIXES:
            known = " or ".join(IMAGE_REID_SUFFIXES)
            raise ConfigError("Not a kind of network that can be opened", expected=known, found=path)
        pixels = pixels or IMAGE_REID_SUFFIXES[path.suffix.lower()]
        if pixels not in PIXELS:
            raise ConfigError("Unknown pixels", expected=f"one of {', '.join(PIXELS)}", found=repr(pixels))
        if not path.is_file():
            raise CheckpointError("There is no such network", where=path)
        opening = _open_onnx if path.suffix.lower() == ".onnx" else _open_openvino
        shape, self._ask, self.computed_by = opening(path)
        size = _frame_size(shape, image_size, path)
        super().__init__(image_size=size, clip_len=clip_len)
        self.pixels, self._batch = pixels, shape[0]
        self.head = IdentityHead()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        # Two networks are the same model when this tensor is: there are no other weights to tell them apart.
        self.register_buffer("digest", _digest(path))
        self.embedding_dim = _embedding_dim(self._vectors(np.zeros((1, 3, *size), np.float32)), path)
        options: dict[str, object] = {"path": str(path.absolute()), "pixels": pixels}
        self.spec = ModelSpec(f"{__name__}:ImageReID", num_ids, size, options)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean over the frames of their vectors at length 1."""
        frames = self._as_expected(clips.float().flatten(0, 1)).cpu().numpy()
        vectors = torch.from_numpy(self._vectors(np.ascontiguousarray(frames))).to(clips.device)
        return nn.functional.normalize(vectors, dim=1).reshape(*clips.shape[:2], -1).mean(dim=1)

    def _as_expected(self, frames: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 3 H W"]:
        if self.pixels == "imagenet-rgb":
            return frames
        unit = (frames * self.std + self.mean).clamp(0, 1)
        if self.pixels == "unit-rgb":
            return unit
        return (unit if self.pixels == "raw-rgb" else unit.flip(1)) * 255

    def _vectors(self, frames: Pictures) -> Float32[np.ndarray, "N D"]:
        """Ask the network; a file whose batch is fixed gets full batches, the last one filled with zeros."""
        if self._batch is None:
            return _rows(self._ask(frames))
        parts = []
        for start in range(0, len(frames), self._batch):
            part = frames[start : start + self._batch]
            full = np.concatenate([part, np.zeros((self._batch - len(part), *part.shape[1:]), np.float32)])
            parts.append(_rows(self._ask(full))[: len(part)])
        return np.concatenate(parts)


def _rows(output: np.ndarray) -> Float32[np.ndarray, "N D"]:
    """(N, D, 1, 1), which some networks return, as (N, D)."""
    return np.asarray(output, dtype=np.float32).reshape(len(output), -1)


def _embedding_dim(vectors: np.ndarray, path: Path) -> int:
    dim = vectors.shape[1]
    if len(vectors) != 1 or not 8 <= dim <= 16384:
        raise CheckpointError(
            "This is no image re-identification network",
            expected="one vector of 8 to 16384 numbers per picture",
            found=f"{vectors.shape} for one picture",
            where=path,
        )
    return int(dim)


def _frame_size(shape: tuple[int | None, ...], wanted: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    if len(shape) != 4 or shape[1] not in (3, None):
        raise CheckpointError(
            "This is no image re-identification network",
            expected="one input, (N, 3, H, W)",
            found=f"({', '.join('?' if side is None else str(side) for side in shape)})",
            where=path,
        )
    height, width = wanted or (shape[2] or 256, shape[3] or 128)
    if (shape[2] or height, shape[3] or width) != (height, width):
        raise ConfigError(
            "The network takes pictures of another size", expected=shape[2:], found=wanted, where=path
        )
    return height, width


def _digest(path: Path) -> Tensor:
    """SHA-256 of everything that belongs to the network, (32,) uint8."""
    total = hashlib.sha256()
    for part in (path, path.with_suffix(".bin"), Path(f"{path}.data")):
        if part.is_file():
            total.update(part.read_bytes())
    return torch.tensor(list(total.digest()), dtype=torch.uint8)


def _open_onnx(path: Path) -> tuple[tuple[int | None, ...], Ask, str]:
    """The input's shape (None where it is open), how to ask, and what answers."""
    try:
        import onnxruntime
    except ImportError as error:
        raise StcaError(
            "Opening .onnx files needs onnxruntime", found=error, hint="pip install 'stca[export]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others compute here too
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no class
        raise CheckpointError("Cannot open an ONNX network", found=error, where=path) from error
    inputs = session.get_inputs()
    shape = tuple(side if isinstance(side, int) else None for side in inputs[0].shape)
    if len(inputs) != 1:
        shape = ()
    output = session.get_outputs()[0].name
    name = f"float32, ONNX Runtime {onnxruntime.__version__} on cpu"
    return shape, lambda frames: session.run([output], {inputs[0].name: frames})[0], name


def _open_openvino(path: Path) -> tuple[tuple[int | None, ...], Ask, str]:
    """Likewise for an OpenVINO IR, whose batch is opened."""
    openvino = import_openvino()
    core = openvino_core()
    try:
        network = core.read_model(path)
        shape = network.inputs[0].partial_shape if len(network.inputs) == 1 else openvino.PartialShape([])
        sides = [None if side.is_dynamic else side.get_length() for side in shape]
        if len(sides) == 4:
            network.reshape(openvino.PartialShape([-1, *(side or -1 for side in sides[1:])]))
            sides[0] = None
        # Processors that could compute in bfloat16 would otherwise give other vectors than those that cannot.
        how = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        compiled = core.compile_model(network, "CPU", how)
    except RuntimeError as error:
        raise CheckpointError("Cannot open an OpenVINO network", found=error, where=path) from error
    return tuple(sides), lambda frames: compiled(frames)[0], f"float32, {openvino_name()}"
