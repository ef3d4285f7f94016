"""A trained network as a file for other programs, checked against the network it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32

from stca.errors import ConfigError, StcaError
from stca.files import atomic_write
from stca.inference.onnx_runtime import to_onnx
from stca.inference.vectors import Neck, VectorNet
from stca.models import ReIDModel
from stca.openvino_import import import_openvino, openvino_core

Format = Literal["onnx", "openvino"]
FORMATS: dict[str, Format] = {".onnx": "onnx", ".xml": "openvino"}
LARGEST_ERROR = 1e-3


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how close it is.

    Args:
        path: the file; OpenVINO's weights lie beside it as .bin.
        format: "onnx" or "openvino".
        clip_shape: (T, H, W, 3) of its input `frames`, (B, T, H, W, 3) uint8, RGB; any B.
        dim: D of its output `vectors`, (B, D) float32.
        error: largest difference to PyTorch on random clips, as a part of the largest value.
        size: of all files, in bytes.

    """

    path: Path
    format: Format
    clip_shape: tuple[int, ...]
    dim: int
    error: float
    size: int

    def __str__(self) -> str:
        shape = ", ".join(map(str, self.clip_shape))
        return (
            f"{self.path}: {self.format}, {self.size / 1e6:.1f} MB\n"
            f"  input    frames (any, {shape}) uint8, RGB\n"
            f"  output   vectors (any, {self.dim}) float32\n"
            f"  differs from PyTorch by {self.error:.1e} of the largest value"
        )


def export_model(
    model: ReIDModel,
    path: Path,
    *,
    format: Format | None = None,
    clip_len: int | None = None,
    neck: Neck = "after",
) -> ExportReport:
    """Write the network that embeds: pixels in, one vector per clip out, without the classifier.

    Args:
        model: trained.
        path: where to.
        format: "onnx" or "openvino"; default by the path's ending, .onnx or .xml.
        clip_len: T; default the model's own.
        neck: vectors "after" the BN neck or "before" it.

    Raises:
        ConfigError: an ending or format that is not known, or a model that is no PyTorch network.
        StcaError: a package is missing, the network cannot be converted, or what was written computes
            something else; nothing is left behind then.

    """
    path = Path(path)
    format = format or FORMATS.get(path.suffix)
    if format is None or format not in FORMATS.values() or not model.exportable:
        raise ConfigError(
            "This cannot be exported",
            expected="a network of PyTorch, and a name that ends in .onnx or .xml",
            found=f"{type(model).__name__}, {path.name}",
        )
    network = VectorNet(model.cpu(), neck=neck)
    shape = (clip_len or model.clip_len, *model.image_size, 3)
    frames = torch.randint(0, 256, (2, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = network(frames).numpy()
    write = _write_onnx if format == "onnx" else _write_openvino
    found, files = write(network, path, frames)
    error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    if not error <= LARGEST_ERROR:
        for file in files:
            file.unlink()
        raise StcaError(
            "The exported network computes something else",
            expected=f"vectors within {LARGEST_ERROR} of the largest value",
            found=f"{error:.2g} (deleted)",
            where=path,
        )
    size = sum(file.stat().st_size for file in files)
    return ExportReport(path, format, shape, wanted.shape[1], error, size)


Written = tuple[Float32[np.ndarray, "B D"], tuple[Path, ...]]


def _write_onnx(network: VectorNet, path: Path, frames: torch.Tensor) -> Written:
    import onnxruntime

    content = to_onnx(network, frames, "frames")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {"frames": frames.numpy()})[0]
    with atomic_write(path) as file:
        file.write(content)
    return found, (path,)


def _write_openvino(network: VectorNet, path: Path, frames: torch.Tensor) -> Written:
    ov = import_openvino()

    from stca.inference.openvino_runtime import convert

    model = convert(network, tuple(frames.shape[1:]), batch=-1)
    model.input(0).get_tensor().set_names({"frames"})
    model.output(0).get_tensor().set_names({"vectors"})
    exact = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = exact(frames.numpy())[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, path, compress_to_fp16=False)
    return found, (path, path.with_suffix(".bin"))
