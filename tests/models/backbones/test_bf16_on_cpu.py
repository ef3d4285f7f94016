"""bf16 training on a CPU gives the results and gradients of float32, also where PyTorch's own 3D layers do not."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stca.models.backbones.channels import join_channels, split_channels
from stca.models.backbones.layers3d import BatchNorm3d, Conv3d, MaxPool3d, conv3d_by_frames
from stca.models.backbones.resnet2d import IBN


def passes(layer: Callable[[Tensor], Tensor], x: Tensor, *, bf16: bool) -> tuple[Tensor, Tensor]:
    """The output, and the input's gradient of a loss that weighs all outputs differently."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, bf16):
        out = layer(x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (out.float() * weights).sum().backward()
    assert x.grad is not None
    return out.detach().float(), x.grad


def difference(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


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
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_agrees_with_float32(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    frames: int,
    bias: bool,
) -> None:
    torch.manual_seed(0)
    conv = Conv3d(channels, 16, kernel, stride=stride, padding=tuple(k // 2 for k in kernel), bias=bias)
    clips = torch.randn(2, channels, frames, *size)
    out, gradient = passes(conv, clips, bf16=False)
    expected = [p.grad.clone() for p in conv.parameters() if p.grad is not None]
    for _ in range(3):  # the memory corruption showed at a second pass
        conv.zero_grad()
        rough, rough_gradient = passes(conv, clips, bf16=True)
        assert difference(rough, out) < 0.01
        assert difference(rough_gradient, gradient) < 0.01
        for p, wanted in zip(conv.parameters(), expected, strict=True):
            assert p.grad is not None
            assert difference(p.grad, wanted) < 0.01


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_over_frames_is_the_3d_convolution(frames: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 4, frames, 6, 5), torch.randn(3, 4, 5, 3, 3), torch.randn(3)
    for stride, padding in (((1, 1, 1), (2, 1, 1)), ((2, 2, 1), (2, 0, 1)), ((3, 1, 2), (2, 1, 0))):
        torch.testing.assert_close(
            conv3d_by_frames(x, weight, bias, stride=stride, padding=padding),
            F.conv3d(x, weight, bias, stride, padding),
            rtol=1e-4,
            atol=1e-4,
        )


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
        ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ((2, 2, 2), (2, 2, 2), (0, 0, 0)),
        ((3, 1, 1), (1, 1, 1), (1, 0, 0)),
    ],
)
@pytest.mark.parametrize("frames", [2, 5])
def test_a_pool_over_frames_is_the_3d_pool(
    kernel: tuple[int, int, int], stride: tuple[int, int, int], padding: tuple[int, int, int], frames: int
) -> None:
    torch.manual_seed(0)
    count = 2 * 3 * frames * 48
    x = torch.randperm(count).float().reshape(2, 3, frames, 8, 6) - count / 2
    x = (x / 64).bfloat16().unique()[torch.randperm(count) % 500].reshape(x.shape)  # ties, and below zero
    pool = MaxPool3d(kernel, stride, padding)
    ours, _ = passes(pool, x.float(), bf16=False)
    theirs, _ = passes(lambda x: F.max_pool3d(x, kernel, stride, padding), x.float(), bf16=False)
    assert torch.equal(ours, theirs)
    assert torch.equal(pool(x).float(), theirs)


def test_a_pool_hands_its_gradient_to_the_largest_value() -> None:
    torch.manual_seed(0)
    x = (
        torch.randperm(240).reshape(1, 2, 5, 4, 6).bfloat16()
    )  # whole numbers up to 256 are exact, and no two equal
    pool = MaxPool3d((3, 3, 3), (2, 2, 2), (1, 1, 1))
    exact, rough = x.float().requires_grad_(), x.requires_grad_()
    F.max_pool3d(exact, 3, 2, 1).sum().backward()
    pool(rough).sum().backward()
    assert rough.grad is not None
    assert exact.grad is not None
    assert torch.equal(rough.grad.float(), exact.grad)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: BatchNorm3d(8), (3, 8, 4, 6, 5)),
        (lambda: IBN(16), (3, 16, 48, 48)),  # a large map
        (lambda: IBN(16), (3, 16, 6, 5)),
    ],
    ids=["norm3d", "ibn, large", "ibn, small"],
)
def test_a_norm_agrees_with_float32(layer: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    norm, other = layer(), layer()
    x = (2 * torch.randn(shape) + 1).bfloat16()
    out, gradient = passes(norm, x.float(), bf16=False)
    rough, rough_gradient = passes(other, x, bf16=True)
    assert difference(rough, out) < 0.01
    assert difference(rough_gradient.float(), gradient) < 0.02
    for (name, ours), theirs in zip(other.named_parameters(), norm.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        assert difference(ours.grad, theirs.grad) < 0.02, name
    for ours, theirs in zip(other.buffers(), norm.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("first", [1, 3])
def test_parts_of_channels_have_the_right_gradients(first: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: split_channels(x, first), (x,))
    a, b = (torch.randn(2, n, 3, 2, dtype=torch.float64, requires_grad=True) for n in (first, 5 - first))
    assert torch.autograd.gradcheck(join_channels, (a, b))
    assert torch.equal(join_channels(*split_channels(x, first)), x)


def test_parts_of_channels_keep_channels_last() -> None:
    x = torch.randn(2, 8, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    single, batch = split_channels(x, 4)
    joined = join_channels(single, batch)
    for each in (single, batch, joined):
        assert each.is_contiguous(memory_format=torch.channels_last)
    joined.square().sum().backward()
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
