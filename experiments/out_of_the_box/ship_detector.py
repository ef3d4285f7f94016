"""Write the person detector that a training has come to as the package ships it: ONNX, weights in float16.

python -m experiments.out_of_the_box.ship_detector --run RUN --out FILE.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from experiments.out_of_the_box.detector.network import SIZE, BestBoxes, PersonDetector
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stca.tools.files import atomic_write

_LARGE = 64
"""Numbers from which a tensor of weights is kept in float16."""


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="where to")
    given = parser.parse_args()
    state = torch.load(given.run / "checkpoint.pt", map_location="cpu", weights_only=True)
    network = PersonDetector()
    network.load_state_dict(state["average"])
    write_detector(network.eval(), given.out)
    print(
        f"{given.out}: {given.out.stat().st_size:,} bytes, the mean of the weights at step {state['step']:,}"
    )


def write_detector(network: PersonDetector, out: Path) -> None:
    """Export in the form that `stca.tracking.open_detector` opens: RGB from 0 to 1, finished boxes."""
    fuse(network)
    rows = BestBoxes(network).eval()
    picture = torch.rand(1, 3, *SIZE)
    program = torch.onnx.export(
        rows, (picture,), input_names=["pictures"], output_names=["people"], dynamo=True, verbose=False
    )
    model = program.model_proto
    strip(model)
    halve(model)
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", "{0: 'person'}"
    with atomic_write(out) as file:
        file.write(model.SerializeToString())


def fuse(module: nn.Module) -> None:
    """Take batch norms into the convolutions before them."""
    for child in module.children():
        if isinstance(child, nn.Sequential):
            for i in range(len(child) - 1):
                if isinstance(child[i], nn.Conv2d) and isinstance(child[i + 1], nn.BatchNorm2d):
                    child[i], child[i + 1] = fuse_conv_bn_eval(child[i], child[i + 1]), nn.Identity()
        fuse(child)


def strip(model: Any) -> None:
    """Take away what the exporter notes of this machine: sources and their folders."""
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]


def halve(model: Any) -> None:
    """Keep large weights in float16; a node turns each into float32 when the file is opened."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)


if __name__ == "__main__":
    main()
