"""bf16 training on a CPU gives the gradients of float32, also where PyTorch's own 3D convolution does not."""

import pytest
import torch

from stca.models.layers3d import Conv3d


@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "frames"),
    [
        (3, (7, 7, 7), (1, 2, 2), 4),
        (3, (7, 7, 7), (1, 2, 2), 8),
        (16, (3, 3, 3), (1, 1, 1), 1),
        (16, (3, 3, 3), (1, 1, 1), 2),
        (16, (3, 3, 3), (2, 2, 2), 4),
        (16, (1, 1, 1), (1, 1, 1), 2),
        (64, (3, 3, 3), (1, 1, 1), 4),
    ],
)
@pytest.mark.parametrize("size", [(16, 8), (2, 1)])
def test_kernel_gradients_agree_with_float32(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    frames: int,
) -> None:
    torch.manual_seed(0)
    conv = Conv3d(channels, 16, kernel, stride=stride, padding=tuple(k // 2 for k in kernel), bias=False)
    clips = torch.randn(2, channels, frames, *size)
    conv(clips).square().sum().backward()
    expected = conv.weight.grad.clone()
    for _ in range(3):  # the memory corruption showed at a second pass
        conv.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16):
            out = conv(clips)
        out.float().square().sum().backward()
    assert (conv.weight.grad - expected).norm() < 0.01 * expected.norm()
