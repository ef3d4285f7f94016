"""3D layers that on a CPU in bf16 are computed by 2D layers over frames, with the same result.

PyTorch 2.13's own bf16 gradient of a 3D kernel is silently wrong where the input is smaller than the
kernel (relative errors of 0.7 to infinity, and memory corruption), and does not end within minutes on
processors with AMX tiles at full STCA's sizes (64 channels, 96x32 places). As a 2D convolution, whose
channels are those of the frames under the kernel, it is right and fast, and taps that would only see padding
are left out. Norms and pools of five dimensions are several times slower than of four.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """`nn.Conv3d`, computed over frames in bf16 on a CPU."""

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B D s i j"]:
        """Convolve."""
        in_bf16 = x.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
        if x.device.type != "cpu" or not in_bf16:
            return super().forward(x)
        if any(size < kernel for size, kernel in zip(x.shape[3:], self.kernel_size[1:], strict=True)):
            with torch.autocast("cpu", enabled=False):  # there 2D kernels have the fault, too
                bias = None if self.bias is None else self.bias.float()
                out: Tensor = self._conv_forward(x.float(), self.weight.float(), bias)
                return out
        return conv3d_by_frames(x, self.weight, self.bias, stride=self.stride, padding=_numbers(self.padding))


class BatchNorm3d(nn.BatchNorm3d):
    """`nn.BatchNorm3d`, computed over frames in bf16 on a CPU."""

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B C t h w"]:
        """Normalise."""
        return _over_frames(super().forward, x) if is_bf16_on_cpu(x) else super().forward(x)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in (4, 5):
            raise ValueError(f"expected 5 dimensions, or 4 of single frames, not {input.ndim}")


class MaxPool3d(nn.Module):
    """`nn.MaxPool3d`, computed over frames in bf16 on a CPU."""

    def __init__(
        self, kernel: tuple[int, int, int], stride: tuple[int, int, int], padding: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def forward(self, x: Float[Tensor, "B C t h w"]) -> Float[Tensor, "B C s i j"]:
        """Pool."""
        if not is_bf16_on_cpu(x):
            return F.max_pool3d(x, self.kernel, self.stride, self.padding)
        (length, *kernel), (step, *stride), (before, *padding) = self.kernel, self.stride, self.padding
        x = _over_frames(lambda frames: F.max_pool2d(frames, kernel, stride, padding), x)
        count = (x.shape[2] + 2 * before - length) // step + 1
        rows = F.pad(x.permute(0, 2, 3, 4, 1), (0, 0, 0, 0, 0, 0, before, before), value=-torch.inf)
        taps = (rows[:, tap : tap + step * (count - 1) + 1 : step] for tap in range(length))
        return functools.reduce(torch.maximum, taps).permute(0, 4, 1, 2, 3)


def conv3d_by_frames(
    x: Float[Tensor, "B C t h w"],
    weight: Float[Tensor, "D C k m n"],
    bias: Float[Tensor, " D"] | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
) -> Float[Tensor, "B D s i j"]:
    """`F.conv3d` as one `F.conv2d`: the frames under a kernel, one behind the other, are its channels.

    Args:
        x: any number of frames from 1.
        weight: the kernel.
        bias: one value per output channel, or None.
        stride: of time, height and width.
        padding: the same, in zeros on both sides.

    """
    frames, length, step, before = x.shape[2], weight.shape[2], stride[0], padding[0]
    count = (frames + 2 * before - length) // step + 1
    firsts = range(-before, step * count - before, step)  # the first frame under each output frame's kernel
    used = [tap for tap in range(length) if any(0 <= first + tap < frames for first in firsts)]
    taps = range(used[0], used[-1] + 1)
    rows = x.permute(0, 2, 3, 4, 1)  # (B, t, h, w, C), channels last
    if any(not 0 <= first + tap < frames for first in firsts for tap in taps):
        rows = F.pad(rows, (0, 0, 0, 0, 0, 0, before, before))
        before = 0
    seen = [rows[:, tap - before :][:, : step * (count - 1) + 1 : step] for tap in taps]
    images = (seen[0] if len(taps) == 1 else torch.cat(seen, dim=-1)).flatten(0, 1).permute(0, 3, 1, 2)
    # A slice: with a list of indices, whose gradient threads add up together, compiled networks crashed.
    kernel = weight[:, :, taps.start : taps.stop].transpose(1, 2).flatten(1, 2)
    out = F.conv2d(images, kernel, bias, tuple(stride[1:]), tuple(padding[1:]))
    return torch.unflatten(out, 0, (len(x), count)).movedim(1, 2)


def is_bf16_on_cpu(x: Tensor) -> bool:
    """Whether the layers here and in `resnet2d` use their implementation for bf16 on a CPU."""
    return x.dtype == torch.bfloat16 and x.device.type == "cpu"


def _over_frames(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a 2D layer to all frames of all clips; nothing is copied where channels are last."""
    frames = layer(x.transpose(1, 2).flatten(0, 1))
    return torch.unflatten(frames, 0, (len(x), x.shape[2])).transpose(1, 2)


def _numbers(padding: str | tuple[int, ...]) -> tuple[int, ...]:
    assert not isinstance(padding, str)
    return padding
