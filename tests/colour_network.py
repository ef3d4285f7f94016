"""A network to tell pictures apart by, as an ONNX file."""

from pathlib import Path

import numpy as np
import pytest


def write_colour_network(
    path: Path,
    matrix: np.ndarray,
    *,
    batch: int | str = "batch",
    size: tuple[int | str, int | str] = (16, 8),
) -> Path:
    """Mean colour of a picture of (height, width), times a (3, D) matrix."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reid",
        [helper.make_tensor_value_info("input", kind, [batch, 3, *size])],
        [helper.make_tensor_value_info("output", kind, [batch, matrix.shape[1]])],
        [onnx.numpy_helper.from_array(matrix, "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path
