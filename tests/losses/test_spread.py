import itertools
import math

import pytest
import torch

from stca.losses import attention_overlap, frame_attention_difference, memory_concentration


def test_overlap_is_one_minus_the_squared_hellinger_distance_of_all_pairs() -> None:
    torch.manual_seed(0)
    weights = torch.randn(2, 3, 4, 5, dtype=torch.float64).softmax(dim=-1)
    found = []
    for maps in weights.flatten(0, 1).tolist():
        for a, b in itertools.combinations(maps, 2):
            squared = sum((math.sqrt(x) - math.sqrt(y)) ** 2 for x, y in zip(a, b, strict=True)) / 2
            found.append(1 - squared)
    assert attention_overlap(weights).item() == pytest.approx(sum(found) / len(found))


def test_equal_maps_overlap_wholly_and_disjoint_ones_not_at_all() -> None:
    weights = torch.eye(3).requires_grad_()
    apart = attention_overlap(weights)
    assert apart.item() == pytest.approx(0, abs=1e-5)
    apart.backward()
    assert weights.grad is not None
    assert weights.grad.isfinite().all()
    assert attention_overlap(torch.full((2, 4), 0.25)).item() == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 2"):
        attention_overlap(torch.ones(1, 4))


def test_concentration_is_what_entropy_lacks() -> None:
    torch.manual_seed(0)
    match = torch.randn(7, 5, dtype=torch.float64).softmax(dim=1)
    mean = [sum(column) / 7 for column in match.T.tolist()]
    entropy = -sum(share * math.log(share) for share in mean)
    assert memory_concentration(match).item() == pytest.approx(1 - entropy / math.log(5), rel=1e-5)


def test_every_slot_for_somebody_is_spread_and_one_slot_for_all_is_not() -> None:
    assert memory_concentration(torch.eye(4)).item() == pytest.approx(0, abs=1e-6)
    one = torch.tensor([[1.0, 0, 0]] * 4, requires_grad=True)
    value = memory_concentration(one)
    assert value.item() == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 2"):
        memory_concentration(torch.ones(3, 1))


def test_frames_differ_by_the_norm_of_their_maps_difference_over_all_pairs() -> None:
    torch.manual_seed(0)
    attention = torch.rand(2, 3, 4, 2, dtype=torch.float64)
    found = [
        math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
        for maps in attention.flatten(2).tolist()
        for a, b in itertools.combinations(maps, 2)
    ]
    assert frame_attention_difference(attention).item() == pytest.approx(sum(found) / len(found))
    same = torch.ones(1, 2, 3, 3, requires_grad=True)
    frame_attention_difference(same).backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()
    with pytest.raises(ValueError, match="at least 2"):
        frame_attention_difference(torch.ones(1, 1, 3, 3))
