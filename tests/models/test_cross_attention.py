import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stca.models import CrossAttention


def slow_maps(attention: CrossAttention, frame: Tensor, clip: Tensor) -> tuple[list[float], list[float]]:
    """Section 3.3 by the letter, for one frame (C, k) and its clip (C, k), batch norm with running statistics."""
    k = attention.num_positions
    squeeze, norm, expand = attention.squeeze, attention.norm, attention.expand

    def cosine(a: Tensor, b: Tensor) -> float:
        return float(sum(a * b)) / (float(sum(a * a)) ** 0.5 * float(sum(b * b)) ** 0.5)

    def attend(relation: list[list[float]]) -> list[float]:
        mean = [sum(relation[i][j] for i in range(k)) / k for j in range(k)]
        hidden = []
        for h in range(len(squeeze.weight)):
            value = float(squeeze.bias[h]) + sum(float(squeeze.weight[h, j]) * mean[j] for j in range(k))
            value = (value - float(norm.running_mean[h])) / math.sqrt(float(norm.running_var[h]) + norm.eps)
            hidden.append(max(0.0, value * float(norm.weight[h]) + float(norm.bias[h])))
        weight = [
            float(expand.bias[j]) + sum(float(expand.weight[j, h]) * hidden[h] for h in range(len(hidden)))
            for j in range(k)
        ]
        score = [
            sum(relation[i][j] * weight[j] for j in range(k)) / k / attention.temperature for i in range(k)
        ]
        largest = max(score)
        powers = [math.exp(each - largest) for each in score]
        return [each / sum(powers) for each in powers]

    relation = [[cosine(frame[:, i], clip[:, j]) for j in range(k)] for i in range(k)]
    return attend(relation), attend([list(row) for row in zip(*relation, strict=True)])


def random_attention(k: int, **options: float) -> CrossAttention:
    torch.manual_seed(k)
    attention = CrossAttention(k, **options).double().eval()  # type: ignore[arg-type]
    for tensor in attention.state_dict().values():
        if tensor.is_floating_point():
            tensor.normal_()
    attention.norm.running_var.abs_().add_(0.1)
    return attention


@pytest.mark.parametrize("options", [{}, {"hidden": 3}, {"temperature": 0.5}])
def test_maps_are_those_of_a_loop_over_positions(options: dict[str, float]) -> None:
    attention = random_attention(6, **options)
    frames, clips = torch.randn(3, 5, 6).double(), torch.randn(3, 5, 6).double()
    with torch.no_grad():
        spatial, temporal = attention(frames, clips)
    for n in range(3):
        slow_spatial, slow_temporal = slow_maps(attention, frames[n], clips[n])
        torch.testing.assert_close(spatial[n], torch.tensor(slow_spatial).double(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(temporal[n], torch.tensor(slow_temporal).double(), rtol=1e-5, atol=1e-6)


@settings(max_examples=25)
@given(k=st.integers(1, 12), n=st.integers(1, 4), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_every_map_sums_to_one_whatever_comes_in(k: int, n: int, scale: float) -> None:
    attention = random_attention(k)
    frames, clips = scale * torch.randn(n, 7, k).double(), torch.randn(n, 7, k).double()
    for maps in attention(frames, clips):
        assert maps.shape == (n, k)
        assert (maps >= 0).all()
        torch.testing.assert_close(maps.sum(dim=1), torch.ones(n).double())


def test_the_two_maps_change_places_with_their_inputs() -> None:
    attention = random_attention(8)
    frames, clips = torch.randn(2, 5, 8).double(), torch.randn(2, 5, 8).double()
    spatial, temporal = attention(frames, clips)
    swapped = attention(clips, frames)
    torch.testing.assert_close(swapped.temporal, spatial)
    torch.testing.assert_close(swapped.spatial, temporal)


def test_the_small_network_is_shared_and_has_the_official_size() -> None:
    attention = CrossAttention(192)
    assert attention.squeeze.out_features == 6
    assert sum(p.numel() for p in attention.parameters()) == 2_514
    assert CrossAttention(8).squeeze.out_features == 1
    assert CrossAttention(8, hidden=5).squeeze.out_features == 5


def test_gradients_reach_everything() -> None:
    torch.manual_seed(0)
    attention = CrossAttention(6, hidden=4).train()
    frames, clips = torch.randn(5, 3, 6, requires_grad=True), torch.randn(5, 3, 6, requires_grad=True)
    spatial, temporal = attention(frames, clips)
    (spatial.square().sum() + temporal.square().sum()).backward()
    for tensor in (frames, clips, *attention.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().sum() > 0
