"""Parameters and multiply-adds of a model, per part, for a given clip shape (the paper's section 4.10)."""

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
    """Parameters and multiply-adds of a model for clips of one shape, (B, T, 3, H, W)."""

    model: str
    clip_shape: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(part.parameters for part in self.parts)

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of one forward pass on a batch of this shape."""
        return sum(part.multiply_adds for part in self.parts)

    def table(self) -> str:
        """The table as text."""
        total = Part("total", self.parameters, self.multiply_adds)
        rows = [
            f"{self.model} on clips {self.clip_shape}",
            f"{'':<16}{'parameters':>14}{'multiply-adds':>18}",
        ]
        rows += [f"{p.name:<16}{p.parameters:>14,}{p.multiply_adds:>18,}" for p in (*self.parts, total)]
        return "\n".join(rows)

    def json(self) -> dict[str, object]:
        """The same as JSON-serialisable values."""
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
    """Count parameters and multiply-adds on the meta device, without computing anything.

    Args:
        model: it is not changed.
        clip_shape: (B, T, 3, H, W). A multiply-add is half of what `torch.utils.flop_counter` counts.

    Raises:
        ConfigError: the shape does not fit the model.

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
    """The children with parameters by label; the 2D stream of a gated model is split at the gate."""
    parts = {name: [name] for name, child in model.named_children() if any(True for _ in child.parameters())}
    if not isinstance(model, TwoStream):
        return parts
    stages = [f"stream2d.layer{stage}" for stage in range(1, 5)]
    stem = [f"stream2d.{name}" for name, _ in model.stream2d.named_children() if not name.startswith("layer")]
    before = [*stem, *stages[: model.stage]]
    split = {f"2D to {model.gate}": before, "2D from there": stages[model.stage :], "3D": ["stream3d"]}
    return {**split, **{name: paths for name, paths in parts.items() if not name.startswith("stream")}}


def _flops(flops: dict[str, int], path: str) -> int:
    """The flops of a module; if it is not called itself, the sum over its children."""
    if path in flops:
        return flops[path]
    children = {
        f"{path}.{name[len(path) + 1 :].split('.')[0]}" for name in flops if name.startswith(path + ".")
    }
    return sum(_flops(flops, child) for child in children)
