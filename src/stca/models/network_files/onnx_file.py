"""ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from stca.errors import ConfigError
from stca.models.network_files.interface import (
    NetworkInput,
    OpenedNetwork,
    Pixels,
    input_dtype,
    only_input,
)
from stca.models.network_files.onnx_graph import GraphFacts, read_graph, without_cast
from stca.tools.onnx_providers import import_onnxruntime, open_session


def open_onnx(path: Path, *, pixels: Pixels | None = None, device: str = "cpu") -> OpenedNetwork:
    """Open an ONNX file.

    An integer input that the graph casts at once, without normalising it, is opened behind the cast, unless
    `pixels` are raw ones: such files come from exporters that changed the type only, and still expect
    normalised values.

    Args:
        path: the file.
        pixels: what the network expects, where the user says so.
        device: "auto" or a key of `stca.tools.onnx_providers.PROVIDERS`.

    Raises:
        CheckpointError: no ONNX file, or one without exactly one input that pictures can be given in.
        ConfigError: a device that this ONNX Runtime cannot use, or pixels that an integer input cannot take.
        StcaError: onnxruntime is not installed.

    """
    session, device = _session(str(path), device, path)
    only_input([each.name for each in session.get_inputs()], path)
    graph = _read_graph(path)
    if session.get_inputs()[0].type == "tensor(uint8)" and not (pixels or "").startswith("raw"):
        if graph.cast_output is not None and not graph.normalises:
            session, device = _session(without_cast(path, graph.cast_output), device, path)
        elif pixels is not None:
            raise ConfigError(
                "An input of whole numbers cannot take these pixels",
                expected="raw-rgb or raw-bgr",
                found=f"pixels={pixels} for an input of type uint8",
                where=path,
            )
    inputs = session.get_inputs()
    shape = tuple(side if isinstance(side, int) else None for side in inputs[0].shape)
    dtype = input_dtype(inputs[0].name, inputs[0].type, path)
    expected = graph.pixels or (None if dtype.kind == "f" else "raw-rgb")
    return OpenedNetwork(
        NetworkInput(inputs[0].name, dtype, shape, path),
        tuple(each.name for each in session.get_outputs()),
        lambda pictures, names: session.run(list(names), {inputs[0].name: pictures}),
        _computed_by(device, dtype.name),
        expected,
        graph.computed_from,
        unknown_normalisation=graph.normalises and expected is None,
    )


def _read_graph(path: Path) -> GraphFacts:
    try:
        return read_graph(path)
    except Exception:  # onnx may read less than ONNX Runtime does; the graph is then not known
        return GraphFacts()


def _session(content: str | bytes, device: str, path: Path) -> tuple[Any, str]:
    return open_session(content, device, where=path, threads=torch.get_num_threads(), what="an ONNX network")


def _computed_by(device: str, precision: str) -> str:
    precision = "float32" if precision == "uint8" else precision
    return f"{precision}, ONNX Runtime {import_onnxruntime().__version__} on {device}"
