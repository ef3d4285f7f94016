"""What an ONNX file's graph says of its pixels and its outputs; needs the package onnx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stca.models.network_files.interface import Pixels

_PASSES = ("Cast", "Transpose", "Identity")
_LINEAR = ("MatMul", "Gemm", "Conv")
_MOST_PARAMETERS = 16
"""Values of a constant that scales or shifts pixels: one, or one per channel."""


@dataclass(frozen=True)
class GraphFacts:
    """What the graph says.

    Args:
        pixels: what its own normalisation expects; None where it has none, or none that can be told.
        normalises: whether it begins with a normalisation.
        cast_output: what the input is cast to by the first node, where nothing else reads it.
        computed_from: for an output, the other outputs that a linear layer computes it from.

    """

    pixels: Pixels | None = None
    normalises: bool = False
    cast_output: str | None = None
    computed_from: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_graph(path: Path) -> GraphFacts:
    """Read the graph of an ONNX file, without weights that lie in other files."""
    try:
        import onnx
    except ImportError:
        return GraphFacts()
    graph = onnx.load(str(path), load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [each.name for each in graph.input if each.name not in weights]
    if len(inputs) != 1:
        return GraphFacts()
    scale, shift, steps = _normalisation(graph, inputs[0])
    readers = [node for node in graph.node if inputs[0] in node.input]
    cast = readers[0].output[0] if len(readers) == 1 and readers[0].op_type == "Cast" else None
    pixels = _expected_pixels(scale, shift) if steps else None
    return GraphFacts(pixels, steps > 0, cast, _computed_from(graph))


def without_cast(path: Path, cast_output: str) -> bytes:
    """The file with a float32 input in the place of its integer input and the cast behind it."""
    import onnx

    model = onnx.load(str(path))
    (index, node) = next((i, n) for i, n in enumerate(model.graph.node) if cast_output in n.output)
    old = next(each for each in model.graph.input if each.name == node.input[0])
    del model.graph.node[index]
    for other in model.graph.node:
        for place, name in enumerate(other.input):
            if name == cast_output:
                other.input[place] = old.name
    old.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    content: bytes = model.SerializeToString()
    return content


def _constants(graph: Any) -> dict[str, np.ndarray]:
    """Small constants by name."""
    from onnx import numpy_helper

    found = {}
    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        if node.op_type == "Constant":
            tensors += [(node.output[0], each.t) for each in node.attribute if each.name == "value"]
    for name, tensor in tensors:
        size = int(np.prod(tensor.dims)) if tensor.dims else 1
        if size <= _MOST_PARAMETERS and tensor.data_location == 0:
            found[name] = numpy_helper.to_array(tensor)
    return found


def _normalisation(graph: Any, name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Scale and shift per channel that the graph begins with, and in how many steps."""
    constants = _constants(graph)
    scale, shift, steps = np.ones(3), np.zeros(3), 0
    while True:
        readers = [node for node in graph.node if name in node.input]
        if len(readers) != 1:
            return scale, shift, steps
        (node,) = readers
        if node.op_type not in _PASSES:
            step = _affine(node, name, constants)
            if step is None:
                return scale, shift, steps
            scale, shift, steps = scale * step[0], shift * step[0] + step[1], steps + 1
        name = node.output[0]


def _affine(node: Any, name: str, constants: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """What a node multiplies by and adds; None where it does something else."""
    others = [constants.get(each) for each in node.input if each != name]
    known = [each.astype(np.float64).reshape(-1) for each in others if each is not None]
    if len(known) != len(others) or any(each.size not in (1, 3) for each in known):
        return None
    values = [np.broadcast_to(each, 3) for each in known]
    first = node.input[0] == name
    one, zero = np.ones(3), np.zeros(3)
    if node.op_type == "Sub" and len(values) == 1:
        return (one, -values[0]) if first else (-one, values[0])
    if node.op_type == "Add" and len(values) == 1:
        return one, values[0]
    if node.op_type == "Mul" and len(values) == 1:
        return values[0], zero
    if node.op_type == "Div" and len(values) == 1 and first:
        return 1 / values[0], zero
    if node.op_type == "BatchNormalization" and len(values) == 4:
        weight, bias, mean, variance = values
        scale = weight / np.sqrt(variance + 1e-5)
        return scale, bias - mean * scale
    return None


def _expected_pixels(scale: np.ndarray, shift: np.ndarray) -> Pixels | None:
    """From what a normalisation subtracts and divides by to the pixels it is meant for.

    A mean above 1.5 can only be one of 0 to 255; without a mean, the range says it: networks see values that
    span between 0.8 and 20.
    """
    if not np.all(scale > 0):
        return None
    mean, span = -shift / scale, float(scale.max())
    if mean.max() > 1.5 or not 0.8 <= span <= 20:
        if not (mean.max() > 1.5 or 0.8 <= 255 * span <= 20):
            return None
        blue_first = mean[2] > 1.03 * mean[0] > 0  # of people's pictures, red has the largest mean
        return "raw-bgr" if blue_first else "raw-rgb"
    return "unit-rgb"


def _computed_from(graph: Any) -> dict[str, frozenset[str]]:
    """For every output, the other outputs that it depends on with a linear layer in between."""
    producer = {name: node for node in graph.node for name in node.output}
    outputs = {each.name for each in graph.output}

    def sources(output: str) -> frozenset[str]:
        todo, seen = [(output, False)], set()
        while todo:
            name, linear = todo.pop()
            if (name, linear) not in seen and name in producer:
                node = producer[name]
                todo += [(each, linear or node.op_type in _LINEAR) for each in node.input]
            seen.add((name, linear))
        return frozenset(name for name, linear in seen if linear and name in outputs - {output})

    return {output: sources(output) for output in outputs}
