"""ONNX files, run by ONNX Runtime."""

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
from stca.models.network_files.onnx_graph import GraphFacts, read_graph, without_cast
from stca.tools.onnx_providers import choose_providers, device_of


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
    providers = choose_providers(device)
    session = _session(str(path), providers, path)
    only_input([each.name for each in session.get_inputs()], path)
    graph = _read_graph(path)
    if session.get_inputs()[0].type == "tensor(uint8)" and not (pixels or "").startswith("raw"):
        if graph.cast_output is not None and not graph.normalises:
            session = _session(without_cast(path, graph.cast_output), providers, path)
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
        _computed_by(session, dtype.name),
        expected,
        graph.computed_from,
        unknown_normalisation=graph.normalises and expected is None,
    )


def _read_graph(path: Path) -> GraphFacts:
    try:
        return read_graph(path)
    except Exception:  # onnx may read less than ONNX Runtime does; the graph is then not known
        return GraphFacts()


def _session(content: str | bytes, providers: list[str], path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others compute here too
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's own errors share no class
        raise CheckpointError("Cannot open an ONNX network", found=first_line(error), where=path) from error


def _computed_by(session: Any, precision: str) -> str:
    """What computes; the provider that ONNX Runtime really took, which may not be the one it was given."""
    import onnxruntime

    device = device_of(session.get_providers()[0])
    precision = "float32" if precision == "uint8" else precision
    return f"{precision}, ONNX Runtime {onnxruntime.__version__} on {device}"
