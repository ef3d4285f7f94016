import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stca.losses import BatchHardTriplet, ReIDObjective


def slow_smoothed_cross_entropy(logits: Tensor, ids: Tensor, epsilon: float) -> float:
    """Eq. 6 with the q of eq. 7: 1 - (N - 1)/N e for the right identity, e/N for each other."""
    count = logits.shape[1]
    total = 0.0
    for row, person in zip(logits.tolist(), ids.tolist(), strict=True):
        largest = max(row)
        log_sum = largest + math.log(sum(math.exp(value - largest) for value in row))
        for identity, value in enumerate(row):
            q = 1 - (count - 1) / count * epsilon if identity == person else epsilon / count
            total += -q * (value - log_sum)
    return total / len(logits)


@settings(max_examples=20)
@given(epsilon=st.floats(0.0, 1.0), seed=st.integers(0, 2**32), count=st.integers(2, 7))
def test_the_identity_loss_is_equation_7(epsilon: float, seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(6, count, generator=generator)
    ids = torch.randint(count, (6,), generator=generator)
    parts = ReIDObjective(count, 3, label_smoothing=epsilon)(torch.randn(6, 3), logits, ids)
    assert parts.identity.item() == pytest.approx(slow_smoothed_cross_entropy(logits, ids, epsilon), rel=1e-4)


def test_the_total_is_the_weighted_sum_of_its_parts() -> None:
    torch.manual_seed(0)
    objective = ReIDObjective(
        4, 3, margin=0.5, metric="euclidean", center_weight=0.25, center_reduction="sum"
    )
    pooled, logits, ids = torch.randn(6, 3), torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 3, 3])
    parts = objective(pooled, logits, ids)
    torch.testing.assert_close(parts.triplet, BatchHardTriplet(margin=0.5, metric="euclidean")(pooled, ids))
    torch.testing.assert_close(parts.center, (pooled - objective.center.centers[ids]).square().sum() / 2)
    torch.testing.assert_close(parts.total, parts.triplet + parts.identity + 0.25 * parts.center)


def test_the_defaults_are_the_papers() -> None:
    objective = ReIDObjective(4, 3)
    assert (objective.triplet.margin, objective.triplet.metric) == (0.3, "cosine")
    assert (objective.label_smoothing, objective.center_weight) == (0.1, 0.0005)
    assert objective.center.reduction == "mean"


def test_half_precision_comes_out_as_float32_and_finite() -> None:
    torch.manual_seed(0)
    pooled, logits = (300 * torch.randn(4, 64)).bfloat16(), (300 * torch.randn(4, 4)).bfloat16()
    parts = ReIDObjective(4, 64)(pooled, logits, torch.tensor([0, 0, 1, 1]))
    assert all(part.dtype == torch.float32 and part.isfinite() for part in parts)


def test_gradients_reach_features_logits_and_centres() -> None:
    torch.manual_seed(0)
    objective = ReIDObjective(3, 5)
    pooled, logits = torch.randn(6, 5, requires_grad=True), torch.randn(6, 3, requires_grad=True)
    objective(pooled, logits, torch.tensor([0, 0, 1, 1, 2, 2])).total.backward()
    for tensor in (pooled, logits, objective.center.centers):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0
