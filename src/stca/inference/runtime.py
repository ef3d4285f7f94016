"""The interface of a runtime, and PyTorch's implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.clips import ClipBatch
from stca.inference.names import Neck
from stca.inference.plan import Plan
from stca.inference.single_threads import SingleThreads
from stca.inference.vectors import VectorNet, fold_norms
from stca.models import ReIDModel
from stca.tools.devices import compiled

_CACHED_PIXELS = 2**18
"""Most pixels per forward pass on a CPU: one clip of STCA at 384x128, eight clips of `stca_small`."""

Results = Iterator[tuple[ClipBatch, Float[Tensor, "B D"]]]


@runtime_checkable
class Runtime(Protocol):
    """Turns batches of clips into vectors, in their order; `map` may be called repeatedly.

    `name` is precision, runtime and version, in words.
    """

    name: str

    def map(self, batches: Iterable[ClipBatch]) -> Results:
        """Every batch, and its vectors (B, D) float32 on the CPU."""
        ...

    def close(self) -> None:
        """Release threads and other resources."""
        ...


class TorchRuntime:
    """PyTorch, eager or compiled.

    In float32 the network runs as it is. In bf16 batch norms are folded into the convolutions, whose weights
    are converted once. On a CPU clips are computed side by side, each by a thread of its own: threads that
    share one clip wait for each other in every layer, and on a busy machine mostly for one that does not run.

    Args:
        model: what to run; moved to the plan's device.
        plan: precision, device, and whether to compile.
        neck: which vectors.

    """

    def __init__(self, model: ReIDModel, plan: Plan, neck: Neck) -> None:
        self.plan, self.bf16 = plan, plan.precision == "bf16"
        model = model.to(plan.device)
        model.prepare_for(plan.device)
        self._net: Callable[[Tensor], Tensor] = VectorNet(_in_bf16(model) if self.bf16 else model, neck=neck)
        if plan.runtime == "compile":
            self._net = compiled(self._net, instead="runtime=torch")
        by_torch = f"{plan.precision}, PyTorch {torch.__version__} {plan.runtime} on {plan.device.type}"
        self.name = model.computed_by or by_torch
        # Networks in files have threads of their own, as compiled ones do.
        alone = plan.device.type != "cpu" or plan.runtime == "compile" or not model.exportable
        self._threads = None if alone else SingleThreads()

    def map(self, batches: Iterable[ClipBatch]) -> Results:
        """Every batch, and its vectors.

        Raises:
            StcaError: the network cannot be compiled.

        """
        for batch in batches:
            frames = batch.frames.to(self.plan.device, non_blocking=True)
            if self._threads is None:
                parts = [self._compute(part) for part in torch.split(frames, self._at_once(frames))]
            else:
                parts = self._threads.map(self._compute, self._shares(frames, self._threads))
            yield batch, torch.cat(parts).float().cpu()

    def close(self) -> None:
        """End the threads."""
        if self._threads:
            self._threads.close()

    def _compute(self, frames: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast(frames.device.type, torch.bfloat16, self.bf16):
            return self._net(frames)

    def _shares(self, frames: Tensor, threads: SingleThreads) -> list[Tensor]:
        """Parts of a batch that stay in the caches; at least as many as threads, if it has as many clips."""
        share = -(-len(frames) // threads.count)
        return list(torch.split(frames, min(share, self._at_once(frames))))

    def _at_once(self, frames: Tensor) -> int:
        """Clips per forward pass: on a CPU no more than stay in its caches."""
        if self.plan.device.type != "cpu" or self.plan.runtime == "compile":
            return len(frames)
        return max(1, _CACHED_PIXELS // frames[0, ..., 0].numel())


def _in_bf16(model: ReIDModel) -> ReIDModel:
    folded = fold_norms(model)
    for module in folded.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.to(torch.bfloat16)
    return folded
