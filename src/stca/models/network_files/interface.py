"""What is known of an opened network file, whatever opened it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stca.errors import CheckpointError, StcaError, first_line

Pixels = Literal["imagenet-rgb", "unit-rgb", "raw-rgb", "raw-bgr"]
PIXELS: tuple[Pixels, ...] = ("imagenet-rgb", "unit-rgb", "raw-rgb", "raw-bgr")


@dataclass(frozen=True)
class NetworkInput:
    """The one input of an image network.

    Args:
        name: in the file.
        dtype: float32, float16, float64 or uint8.
        shape: (N, 3, H, W) or (N, H, W, 3); None where the file leaves a side open.
        where: the file.

    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    where: Path

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name}: {self.dtype.name} ({sides})"

    @property
    def channels_last(self) -> bool:
        """Whether the input is (N, H, W, 3)."""
        return len(self.shape) == 4 and self.shape[3] == 3 and self.shape[1] != 3

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Height and width in pixels, None where open."""
        return self.shape[1:3] if self.channels_last else self.shape[2:4]  # type: ignore[return-value]

    def check(self) -> None:
        """Raise CheckpointError where this is no input of pictures."""
        channels = self.shape[3] if self.channels_last else self.shape[1] if len(self.shape) == 4 else 0
        if channels not in (3, None):
            raise CheckpointError(
                "This is no image re-identification network",
                expected="one input of pictures, (N, 3, H, W) or (N, H, W, 3)",
                found=f"input {self}",
                where=self.where,
            )


@dataclass(frozen=True)
class OpenedNetwork:
    """A network that can be run.

    Args:
        input: its only input.
        outputs: their names, in the file's order.
        call: arrays of the input's type to the outputs of these names, in their order.
        computed_by: precision, library and device, in words.
        pixels: what the file's graph expects; None where it does not say.
        computed_from: for an output, the other outputs that a linear layer computes it from, where known.
        unknown_normalisation: the graph normalises its input, but not in a way that tells the pixels.

    """

    input: NetworkInput
    outputs: tuple[str, ...]
    call: Callable[[np.ndarray, tuple[str, ...]], list[np.ndarray]]
    computed_by: str
    pixels: Pixels | None = None
    computed_from: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unknown_normalisation: bool = False

    def run(self, pictures: np.ndarray, outputs: tuple[str, ...] | None = None) -> Mapping[str, np.ndarray]:
        """Outputs by their names; all of them by default.

        Args:
            pictures: float32 (N, 3, H, W), of any layout and type that the file has after conversion.
            outputs: which.

        Raises:
            StcaError: the network fails.

        """
        names = outputs or self.outputs
        laid_out = pictures.transpose(0, 2, 3, 1) if self.input.channels_last else pictures
        if self.input.dtype.kind == "u":
            laid_out = np.rint(laid_out)
        given = np.ascontiguousarray(laid_out, dtype=self.input.dtype)
        try:
            return dict(zip(names, self.call(given, names), strict=True))
        except Exception as error:  # the libraries' own errors share no class
            raise StcaError(
                "The network fails on its pictures",
                expected=f"input {self.input}",
                found=f"given {given.dtype.name} {given.shape}: {first_line(error)}",
                where=self.input.where,
                hint="export it again with a dynamic batch, and try it in the library that exported it",
            ) from error


def input_dtype(name: str, type_name: str, where: Path) -> np.dtype[Any]:
    """The numpy type of an input from what ONNX Runtime or OpenVINO call it.

    Raises:
        CheckpointError: a type that pictures cannot be given in.

    """
    known = {
        **{"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"},
        **{"f32": "float32", "f16": "float16", "f64": "float64", "tensor(uint8)": "uint8", "u8": "uint8"},
    }
    if type_name not in known:
        raise CheckpointError(
            "Pictures cannot be given to this network",
            expected="an input of float32, float16, float64 or uint8",
            found=f"input {name} of type {type_name}",
            where=where,
            hint="export it with a float32 input",
        )
    return np.dtype(known[type_name])


def only_input(names: list[str], where: Path) -> None:
    """Raise CheckpointError where a network has not exactly one input."""
    if len(names) != 1:
        raise CheckpointError(
            "This is no image re-identification network",
            expected="one input, the pictures",
            found=f"{len(names)} inputs: {', '.join(names)}",
            where=where,
            hint="export it with the other inputs fixed",
        )
