"""Section 4.10: parameters and multiply-adds of every network, compared with the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from stca.analysis import Complexity, measure_complexity
from stca.models import create_model
from stca.tools.provenance import provenance_line

SIZES = ((384, 128), (256, 128))
FRAMES = (1, 8)
NUM_IDS = 625  # of MARS
NETWORKS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "STCA": ("stca", {}),
    "STCA, ResNet-50": ("stca", {"backbone2d": "resnet50"}),
    "STCA, SE-ResNet-50": ("stca", {"backbone2d": "se_resnet50"}),
    "STCA, I3D ResNet-50": ("stca", {"backbone3d": "i3d_resnet50"}),
    "STCA, C3D": ("stca", {"backbone3d": "c3d"}),
    "STCA, attention over time": ("stca", {"pooling": "attention"}),
    "STCA, LSTM over time": ("stca", {"pooling": "lstm"}),
    "sum of the streams": ("sum", {}),
    "2D-CNN": ("cnn2d", {}),
    "3D-CNN": ("cnn3d", {}),
    "Concatenate(2D-CNN, 3D-CNN)": ("concat", {}),
}
PAPER = "| STCA, the paper | - | 41.87 M | 12.97 G | - |"
PAPER_GATE = "| its cross attention alone, the paper | - | 0.002514 M | - | - |"


@dataclass(frozen=True)
class Cost:
    """The cost of one network at one image size; one number of multiply-adds per entry of `FRAMES`."""

    network: str
    image_size: tuple[int, int]
    parameters: int
    multiply_adds: tuple[int, ...]


def costs() -> list[Cost]:
    """Costs of all networks at both sizes, and of STCA's cross attention alone."""
    found = []
    for network, (name, options) in NETWORKS.items():
        for size in SIZES:
            counts = [_count(name, options, size, frames) for frames in FRAMES]
            found.append(
                Cost(network, size, counts[0].parameters, tuple(each.multiply_adds for each in counts))
            )
            if network == "STCA":
                gates = [next(part for part in each.parts if part.name == "attention") for each in counts]
                adds = tuple(gate.multiply_adds for gate in gates)
                found.append(Cost("its cross attention alone", size, gates[0].parameters, adds))
    return found


def _count(name: str, options: Mapping[str, str], size: tuple[int, int], frames: int) -> Complexity:
    with torch.device("meta"):
        model = create_model(name, num_ids=NUM_IDS, image_size=size, **options)
    return measure_complexity(model, (1, frames, 3, *size))


def markdown(found: Sequence[Cost], command: str) -> str:
    """The page in Markdown."""
    lines = ["# Section 4.10: parameters and multiply-adds", ""]
    lines += [
        f"With {NUM_IDS} identities in the classifier, per clip of T frames; a multiply-add is half of what "
        "`torch.utils.flop_counter` counts (convolutions and matrix products). The paper does not say for "
        "how many frames it counts; its figure is ours for one.",
        "",
        "| network | size | parameters | multiply-adds, T = 1 | T = 8 |",
        "|---|---|---:|---:|---:|",
        PAPER,
        PAPER_GATE,
    ]
    for each in found:
        size = f"{each.image_size[0]}x{each.image_size[1]}"
        adds = " | ".join(_in_billions(count) for count in each.multiply_adds)
        lines.append(f"| {each.network} | {size} | {_mega(each.parameters)} | {adds} |")
    return "\n".join([*lines, "", f"`{command}`", "", provenance_line(), ""])


def to_csv(found: Sequence[Cost]) -> str:
    """Exact counts."""
    lines = ["network,height,width,parameters,frames,multiply_adds"]
    for each in found:
        for frames, adds in zip(FRAMES, each.multiply_adds, strict=True):
            height, width = each.image_size
            lines.append(f'"{each.network}",{height},{width},{each.parameters},{frames},{adds}')
    return "\n".join(lines) + "\n"


def _mega(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count > 1e5 else f"{count / 1e6:.6f} M"


def _in_billions(count: int) -> str:
    return f"{count / 1e9:.2f} G" if count > 1e8 else f"{count / 1e9:.4f} G"
