"""Parameters and multiply-adds, per part, always with the clip's shape (section 4.10)."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from stca.models import ReIDModel, TwoStream


@dataclass(frozen=True)
class Part:
    """One part of a model."""

    name: str
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Complexity:
    """What a model costs on clips of one shape, (1, T, 3, H, W)."""

    model: str
    clip_shape: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Of all parts."""
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        """Of all parts, for one forward pass of a batch of this shape."""
        return sum(part.multiply_adds for part in self.parts)

    def table(self) -> str:
        """As text."""
        total = Part("total", self.parameters, self.multiply_adds)
        rows = [
            f"{self.model} on clips {self.clip_shape}",
            f"{'':<16}{'parameters':>14}{'multiply-adds':>18}",
        ]
        rows += [f"{p.name:<16}{p.parameters:>14,}{p.multiply_adds:>18,}" for p in (*self.parts, total)]
        return "\n".join(rows)

    def json(self) -> dict[str, object]:
        """As plain values."""
        return {
            "model": self.model,
            "clip_shape": list(self.clip_shape),
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "parts": {
                p.name: {"parameters": p.parameters, "multiply_adds": p.multiply_adds} for p in self.parts
            },
        }


def measure_complexity(model: ReIDModel, clip_shape: tuple[int, ...]) -> Complexity:
    """Count on the shape alone: nothing is computed.

    Args:
        model: stays as it is.
        clip_shape: (B, T, 3, H, W). A multiply-add is half of what `torch.utils.flop_counter` counts.

    Raises:
        ConfigError: a shape that does not fit the model.

    """
    shadow = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(clip_shape, device="meta"))
    flops = {name: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    root = type(shadow).__name__
    parts = [
        Part(
            label,
            sum(p.numel() for path in paths for p in shadow.get_submodule(path).parameters()),
            sum(_flops(flops, f"{root}.{path}") for path in paths) // 2,
        )
        for label, paths in _divide(shadow).items()
    ]
    return Complexity(model.spec.name, tuple(clip_shape), tuple(parts))


def _divide(model: ReIDModel) -> dict[str, list[str]]:
    """The model's children that hold something, a gated 2D stream as what comes before the gate and after."""
    parts = {name: [name] for name, child in model.named_children() if any(True for _ in child.parameters())}
    if not isinstance(model, TwoStream):
        return parts
    stages = [f"stream2d.layer{stage}" for stage in range(1, 5)]
    stem = [f"stream2d.{name}" for name, _ in model.stream2d.named_children() if not name.startswith("layer")]
    before = [*stem, *stages[: model.stage]]
    split = {f"2D to {model.gate}": before, "2D from there": stages[model.stage :], "3D": ["stream3d"]}
    return {**split, **{name: paths for name, paths in parts.items() if not name.startswith("stream")}}


def _flops(flops: dict[str, int], path: str) -> int:
    """Of a module, or where it is not called itself, of the modules in it."""
    if path in flops:
        return flops[path]
    children = {
        f"{path}.{name[len(path) + 1 :].split('.')[0]}" for name in flops if name.startswith(path + ".")
    }
    return sum(_flops(flops, child) for child in children)
