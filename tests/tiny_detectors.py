"""ONNX networks that find a red rectangle, with the inputs and outputs of published detectors.

Every network looks for pixels of one colour, in the order and range that its family expects, so that an image
given in another way is an image without a person. Beside the rectangle there is always a car (class 2 of COCO)
of a higher score.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RED = (220, 30, 40)
PERSON = (100, 60, 140, 180)
"""Left, top, right, bottom in `picture()`."""

PERSON_SCORE, CAR_SCORE = 0.9, 0.95
STRIDES = (8, 16, 32)
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def picture() -> np.ndarray:
    """(240, 320, 3) RGB: a red rectangle on grey."""
    image = np.full((240, 320, 3), 128, np.uint8)
    left, top, right, bottom = PERSON
    image[top:bottom, left:right] = RED
    return image


def cells(size: tuple[int, int]) -> np.ndarray:
    """(A, 3) column, row, stride of all cells, by loops."""
    return np.array(
        [
            (x, y, stride)
            for stride in STRIDES
            for y in range(size[0] // stride)
            for x in range(size[1] // stride)
        ],
        np.float32,
    )


class Tiny:
    """A network under construction; `box` (1, 4) in pixels and `score` (1, 1) are those of the rectangle.

    Args:
        pixels: as `--pixels`.
        size: (height, width) of the input.
        dtype: of the input.
        channels_last: (1, H, W, 3).
        shape: the declared shape of the input, if another; in three dimensions the batch is added.
        name: of the input.

    """

    def __init__(
        self,
        pixels: str = "unit-rgb",
        size: tuple[int, int] = (128, 128),
        *,
        dtype: str = "float32",
        channels_last: bool = False,
        shape: Sequence[int | str] | None = None,
        name: str = "images",
    ) -> None:
        self.size = size
        self.nodes: list[Any] = []
        default = [1, *size, 3] if channels_last else [1, 3, *size]
        shape = default if shape is None else list(shape)
        self.inputs = [helper.make_tensor_value_info(name, TYPES[dtype], shape)]
        x = self("Cast", name, to=TensorProto.FLOAT) if dtype != "float32" else name
        if shape[0] not in (1, 3) and isinstance(shape[0], int):
            x = self("Gather", x, np.array([0]), axis=0)  # the first image of a batch
        if len(shape) == 3:
            x = self("Unsqueeze", x, np.array([0]))
        if channels_last:
            x = self("Transpose", x, perm=[0, 3, 1, 2])
        self._find(x, pixels)

    def __call__(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; arrays become constants. Returns the name of its output."""
        names = []
        for value in inputs:
            if not isinstance(value, str):
                constant = f"c{len(self.nodes)}"
                tensor = numpy_helper.from_array(np.asarray(value), constant)
                self.nodes.append(helper.make_node("Constant", [], [constant], value=tensor))
                value = constant
            names.append(value)
        result = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [result], **attributes))
        return result

    def _find(self, x: str, pixels: str) -> None:
        mean, std = np.zeros(3), np.ones(3)
        if pixels.startswith("imagenet"):
            mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        scale = 1.0 if pixels.startswith("raw") else 255.0
        mean, std = (each.astype(np.float32).reshape(1, 3, 1, 1) for each in (mean * scale, std * scale))
        x = self("Add", self("Mul", x, std), mean)
        red, green, blue = (self("Gather", x, np.array(i), axis=1) for i in (0, 1, 2))
        if pixels.endswith("bgr"):
            red, blue = blue, red
        far = [
            self("Abs", self("Sub", channel, np.float32(value)))
            for channel, value in zip((red, green, blue), RED, strict=True)
        ]
        found = self("Cast", self("Less", self("Max", *far), np.float32(40)), to=TensorProto.FLOAT)
        across, down = (self("ReduceMax", found, axes=[axis], keepdims=0) for axis in (1, 2))
        sides = [self._end(across, 0), self._end(down, 0), self._end(across, 1), self._end(down, 1)]
        self.box = self("Concat", *sides, axis=1)
        there = self("ReduceMax", across, axes=[1], keepdims=1)
        self.score = self("Mul", there, np.float32([[PERSON_SCORE]]))

    def _end(self, line: str, last: int) -> str:
        index = self("ArgMax", line, axis=1, keepdims=1, select_last_index=last)
        return self("Add", self("Cast", index, to=TensorProto.FLOAT), np.float32([[last]]))

    def centred(self, scale: float | np.ndarray = 1.0) -> str:
        """(1, 4) centre and size of the rectangle, times `scale`."""
        matrix = np.float32([[0.5, 0, -1, 0], [0, 0.5, 0, -1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]])
        return self("Mul", self("MatMul", self.box, matrix), np.broadcast_to(np.float32(scale), (1, 4)))

    def unit(self) -> np.ndarray:
        """What pixels of the input are multiplied with to be fractions."""
        height, width = self.size
        return np.array([1 / width, 1 / height, 1 / width, 1 / height], np.float32)

    def hot(self, classes: int, person: int = 0) -> str:
        """(1, classes) scores of the rectangle."""
        return self("Mul", self.score, np.eye(classes, dtype=np.float32)[person][None])

    def finished(self, other: np.ndarray, box: str | None = None) -> str:
        """(2, 4) boxes: the rectangle's, and another."""
        return self("Concat", box or self.box, np.float32(other)[None], axis=0)

    def on_cells(self, row: str, background: np.ndarray) -> str:
        """(A, n): `row` (1, n) in the cell of stride 8 where the rectangle's middle is, else `background`."""
        middle = self("Floor", self("Div", self.centred(), np.float32(8)))
        x, y = (self("Gather", middle, np.array([i]), axis=1) for i in (0, 1))
        index = self("Add", self("Mul", y, np.float32(self.size[1] // 8)), x)
        numbers = np.arange(len(background), dtype=np.float32)[:, None]
        return self("Where", self("Equal", numbers, index), row, background)

    def save(
        self,
        path: Path,
        outputs: Mapping[str, str],
        *,
        metadata: Mapping[str, str] | None = None,
        extra: Sequence[Any] = (),
    ) -> Path:
        """Write the file.

        Args:
            path: of the file.
            outputs: name -> what `__call__` returned.
            metadata: of the model.
            extra: inputs besides the image, as `helper.make_tensor_value_info` makes them.

        """
        for name, inner in outputs.items():
            self.nodes.append(helper.make_node("Identity", [inner], [name]))
        graph = helper.make_graph(
            self.nodes, "tiny", [*self.inputs, *extra], [onnx.ValueInfoProto(name=name) for name in outputs]
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        helper.set_model_props(model, dict(metadata or {}))
        model = onnx.shape_inference.infer_shapes(model)
        for info in model.graph.output:
            assert info.type.HasField("tensor_type"), f"no type of {info.name}"
        onnx.save(model, path)
        return path
