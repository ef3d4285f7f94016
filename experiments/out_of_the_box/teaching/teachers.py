"""Open Model Zoo's networks as teachers: a picture's vector, and what each stripe of the picture adds to it.

These networks end in a map (C, 16, 8), one weight per channel and place, the sum over places, and a linear
layer; a last activation of slope 0.99 below zero is as good as none. The vector is thus a sum over places.
The summands, gathered in stripes from head to foot, say more about a picture than the vector alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stca.tools.openvino_import import openvino_core

_MAP, _PLACES, _LINEAR, _SCALE, _SHIFT = (
    "1126",
    "1127/WithoutBiases",
    "1136/WithoutBiases",
    "Multiply_18575",
    "1147",
)


STRIPES = 4
"""Parts of a person from head to foot: what single places say is mostly noise that others cancel."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of pictures.

    Args:
        vectors: of the whole pictures, as the teacher gives them.
        shares: of every stripe; their sum over stripes is the vector less a constant.

    """

    vectors: Float[Tensor, "B D"]
    shares: Float[Tensor, "B D s"]


class Teacher:
    """One network in an OpenVINO file.

    Args:
        path: the .xml file.
        threads: of the processor.
        exact: compute in float32; otherwise in bfloat16 where the processor has it (cosine 0.9997).

    """

    def __init__(self, path: Path, *, threads: int, exact: bool = False) -> None:
        core = openvino_core()
        network = core.read_model(path)
        network.reshape([-1, 3, 256, 128])
        nodes = {node.get_friendly_name(): node for node in network.get_ordered_ops()}
        network.add_outputs(nodes[_MAP].output(0))
        places = _constant(nodes[_PLACES])
        self.places = places.reshape(-1, *places.shape[-2:])
        scale = _constant(nodes[_SCALE]).reshape(-1)
        self.linear = _constant(nodes[_LINEAR]) * scale[:, None]
        self.shift = _constant(nodes[_SHIFT]).reshape(-1)
        how = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        how["INFERENCE_PRECISION_HINT"] = "f32" if exact else _fastest(core)
        self._compiled: Any = core.compile_model(network, "CPU", how)

    def __call__(self, pictures: UInt8[np.ndarray, "B 256 128 3"]) -> Lesson:
        """Ask the teacher. Pictures are RGB."""
        raw = np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32)
        vectors, maps = self._compiled(raw).to_tuple()
        weighed = torch.from_numpy(maps) * self.places
        shares = torch.einsum("dc,bcs->bds", self.linear, by_stripes(weighed))
        return Lesson(torch.from_numpy(vectors.reshape(len(pictures), -1).copy()), shares)


def by_stripes(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C s"]:
    """Sums over `STRIPES` equal parts of the rows."""
    return maps.unflatten(2, (STRIPES, -1)).sum(dim=(3, 4))


def _fastest(core: Any) -> str:
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def _constant(node: Any) -> Tensor:
    """The weights that a node works with, which may be kept in float16 and converted."""
    source = node.input_value(1).get_node()
    while source.get_type_name() != "Constant":
        source = source.input_value(0).get_node()
    return torch.from_numpy(np.array(source.data, dtype=np.float32)).squeeze()


def teacher_path(shared: Path, number: str) -> Path:
    """Where the network of this number lies, e.g. "0277"."""
    name = f"person-reidentification-retail-{number}"
    return shared / "weights" / "reid" / name / f"{name}.xml"
