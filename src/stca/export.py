"""A trained network as a file for other programs, checked against the network it came from."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32

from stca.errors import ConfigError, StcaError, first_line
from stca.inference.names import Neck
from stca.inference.onnx_runtime import open_session, to_onnx
from stca.inference.plan import check_installed
from stca.inference.vectors import VectorNet
from stca.models import ReIDModel
from stca.tools.files import atomic_write
from stca.tools.openvino_import import import_openvino

Format = Literal["onnx", "openvino"]
FORMATS: dict[str, Format] = {".onnx": "onnx", ".xml": "openvino"}
LARGEST_ERROR = 1e-3
LONGEST_CLIP = 10_000


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

    What is written is compared with PyTorch first, and then takes its name; a file that was there stays until
    then. The model itself is left as it is, on its device.

    Args:
        model: trained.
        path: where to; OpenVINO's ends in .xml.
        format: "onnx" or "openvino"; default by the path's ending, .onnx or .xml.
        clip_len: T; default the model's own.
        neck: vectors "after" the BN neck or "before" it.

    Raises:
        ConfigError: an ending or format that is not known, a clip too long, a model that is no PyTorch
            network, or something else that lies where the files go.
        StcaError: a package is missing, the network cannot be converted, the result computes something
            else, or it cannot be written.

    """
    path = Path(path)
    format = format or FORMATS.get(path.suffix)
    fits = format == "onnx" or (format == "openvino" and path.suffix == ".xml")
    if format is None or not fits or not model.exportable:
        raise ConfigError(
            "This cannot be exported",
            expected="a network of PyTorch, and a name that ends in .onnx or .xml",
            found=f"{type(model).__name__}, {path.name}",
        )
    if not 1 <= (clip_len or model.clip_len) <= LONGEST_CLIP:
        raise ConfigError("A clip is too long", expected=f"1 to {LONGEST_CLIP:,}", found=f"{clip_len:,}")
    model.check_clip_len(clip_len or model.clip_len)
    _check_destination(path, format)
    network = VectorNet(copy.deepcopy(model).cpu(), neck=neck)
    shape = (clip_len or model.clip_len, *model.image_size, 3)
    frames = torch.randint(0, 256, (2, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = network(frames).numpy()
    write = _write_onnx if format == "onnx" else _write_openvino
    error, size = write(network, path, frames, wanted)
    return ExportReport(path, format, shape, wanted.shape[1], error, size)


def _check_destination(path: Path, format: Format) -> None:
    """Refuse to overwrite a folder, or a .bin that has no .xml beside it and so is not an earlier export."""
    weights = path.with_suffix(".bin")
    if path.is_dir():
        found = path
    elif format == "openvino" and weights.exists() and not (path.exists() and weights.is_file()):
        found = weights
    else:
        return
    raise ConfigError(
        "The export would overwrite something else",
        expected="a free name, or an earlier export",
        found="a folder" if found.is_dir() else f"a file without {path.name} beside it",
        where=found,
        hint="another --out",
    )


Vectors = Float32[np.ndarray, "B D"]


def _write_onnx(network: VectorNet, path: Path, frames: torch.Tensor, wanted: Vectors) -> tuple[float, int]:
    check_installed("onnxruntime")
    content = to_onnx(network, frames, "frames")
    (found,) = open_session(content).run(None, {"frames": frames.numpy()})
    error = _compare(found, wanted, path)
    with atomic_write(path) as file:
        file.write(content)
    return error, len(content)


def _write_openvino(
    network: VectorNet, path: Path, frames: torch.Tensor, wanted: Vectors
) -> tuple[float, int]:
    ov = import_openvino()

    from stca.inference.openvino_runtime import compile_on_cpu, convert

    model = convert(network, tuple(frames.shape[1:]), batch=-1)
    model.input(0).get_tensor().set_names({"frames"})
    model.output(0).get_tensor().set_names({"vectors"})
    error = _compare(compile_on_cpu(model, "f32")(frames.numpy())[0], wanted, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        try:
            ov.save_model(model, Path(folder) / path.name, compress_to_fp16=False)
            _put_in_place(Path(folder), path)
        except (RuntimeError, OSError) as problem:
            # OpenVINO's errors name the temporary folder.
            raise StcaError(
                "The network cannot be written",
                found=getattr(problem, "strerror", None)
                or first_line(problem).replace(folder, str(path.parent)),
                where=path,
                hint="make room on the disk, or another --out",
            ) from problem
    return error, sum(file.stat().st_size for file in (path.with_suffix(".bin"), path))


def _put_in_place(folder: Path, path: Path) -> None:
    """Replace both files, or neither."""
    weights = path.with_suffix(".bin")
    before = folder / "before"
    if weights.exists():
        weights.replace(before)
    try:
        (folder / weights.name).replace(weights)
        (folder / path.name).replace(path)
    except OSError:
        weights.unlink(missing_ok=True)
        if before.exists():
            before.replace(weights)
        raise


def _compare(found: Vectors, wanted: Vectors, path: Path) -> float:
    """The largest difference, as a part of the largest value.

    Raises:
        StcaError: it is too large.

    """
    error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    if not error <= LARGEST_ERROR:
        raise StcaError(
            "The exported network gives other vectors",
            expected=f"vectors within {LARGEST_ERROR} of the largest value",
            found=f"{error:.2g} (not written)",
            where=path,
        )
    return error
