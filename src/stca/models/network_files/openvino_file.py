"""OpenVINO IR, run by OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from stca.errors import CheckpointError, ConfigError, first_line
from stca.models.network_files.interface import (
    NetworkInput,
    OpenedNetwork,
    Pixels,
    input_dtype,
    only_input,
)
from stca.tools.openvino_import import import_openvino, openvino_core, openvino_name


def open_openvino(path: Path, *, pixels: Pixels | None = None, device: str = "cpu") -> OpenedNetwork:
    """Open the .xml of an OpenVINO IR, with its .bin beside it; its batch is made dynamic where it can be.

    Args:
        path: the .xml.
        pixels: what the network expects, where the user says so.
        device: "auto" or "cpu".

    Raises:
        CheckpointError: no IR, or one without exactly one input that pictures can be given in.
        ConfigError: another device, or pixels that an integer input cannot take.
        StcaError: openvino is not installed.

    """
    openvino = import_openvino()
    if device not in ("auto", "cpu"):
        raise ConfigError(
            "OpenVINO networks run on the CPU here",
            expected="device=cpu",
            found=f"device={device}",
            where=path,
        )
    core = openvino_core()
    try:
        network = core.read_model(path)
    except RuntimeError as error:
        raise CheckpointError(
            "Cannot open an OpenVINO network", found=first_line(error), where=path
        ) from error
    only_input([_name(each, f"input {n}") for n, each in enumerate(network.inputs)], path)
    dtype = input_dtype("of the network", network.inputs[0].element_type.get_type_name(), path)
    if dtype.kind == "u" and pixels is not None and not pixels.startswith("raw"):
        raise ConfigError(
            "An input of whole numbers cannot take these pixels",
            expected="raw-rgb or raw-bgr",
            found=f"pixels={pixels} for an input of type {dtype.name}",
            where=path,
        )
    outputs = tuple(_name(each, f"output {number}") for number, each in enumerate(network.outputs))
    sides, compiled = _compile(openvino, core, network, path)
    return OpenedNetwork(
        NetworkInput(_name(network.inputs[0], "input"), dtype, sides, path),
        outputs,
        lambda pictures, names: _call(compiled, pictures, [outputs.index(name) for name in names]),
        f"float32, {openvino_name()}",
    )


def _name(port: Any, otherwise: str) -> str:
    names = port.get_names()
    return min(names) if names else otherwise


def _call(compiled: Any, pictures: Any, numbers: list[int]) -> list[Any]:
    results = compiled(pictures)
    return [results[number] for number in numbers]


def _compile(openvino: Any, core: Any, network: Any, path: Path) -> tuple[tuple[int | None, ...], Any]:
    """The input's sides, and the compiled network; with its own batch where another cannot be compiled."""
    shape = network.inputs[0].partial_shape
    rank = shape.rank.get_length() if shape.rank.is_static else 0
    fixed = [None if side.is_dynamic else side.get_length() for side in shape] if rank else []
    # Processors that could compute in bfloat16 would otherwise give other vectors than those that cannot.
    how = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    open_batch = [None, *fixed[1:]]
    for sides in (open_batch, fixed) if rank == 4 else (fixed,):
        try:
            if rank == 4:
                network.reshape(openvino.PartialShape([-1 if side is None else side for side in sides]))
            return tuple(sides), core.compile_model(network, "CPU", how)
        except RuntimeError as error:
            problem = error
    raise CheckpointError(
        "Cannot open an OpenVINO network", found=first_line(problem), where=path
    ) from problem
