import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.distances import CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from stca.distance import Metric, pairwise_distance
from stca.losses import BatchHardTriplet, batch_hard_triplet

METRICS: tuple[Metric, ...] = ("cosine", "euclidean")


def slow_distance(a: Tensor, b: Tensor, metric: Metric) -> float:
    if metric == "euclidean":
        return float(((a - b) ** 2).sum()) ** 0.5
    return 1 - float((a * b).sum()) / (float((a * a).sum()) ** 0.5 * float((b * b).sum()) ** 0.5)


def slow_triplet(features: Tensor, ids: list[int], margin: float, metric: Metric) -> float:
    """Eq. 4 by the letter: every anchor, its furthest positive, its closest negative."""
    total = 0.0
    for anchor, person in enumerate(ids):
        to = [
            slow_distance(features[anchor], other, metric) if i != anchor else 0.0
            for i, other in enumerate(features)
        ]
        furthest = max(d for d, other in zip(to, ids, strict=True) if other == person)
        closest = min(d for d, other in zip(to, ids, strict=True) if other != person)
        total += max(0.0, margin + furthest - closest)
    return total / len(ids)


@settings(max_examples=40)
@given(
    ids=st.lists(st.integers(0, 3), min_size=2, max_size=10).filter(lambda ids: len(set(ids)) > 1),
    seed=st.integers(0, 2**32),
    margin=st.floats(0.0, 2.0),
    metric=st.sampled_from(METRICS),
)
def test_it_is_the_loop_over_anchors(ids: list[int], seed: int, margin: float, metric: Metric) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(len(ids), 6, generator=generator, dtype=torch.float64)
    found = BatchHardTriplet(margin=margin, metric=metric)(features, torch.tensor(ids))
    assert found.item() == pytest.approx(slow_triplet(features, ids, margin, metric), rel=1e-6, abs=2e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_it_is_pytorch_metric_learning_with_its_gradient(metric: Metric) -> None:
    torch.manual_seed(0)
    features = torch.randn(32, 16, requires_grad=True)
    ids = torch.arange(8).repeat_interleave(4)
    distance = CosineSimilarity() if metric == "cosine" else LpDistance(normalize_embeddings=False)
    oracle = TripletMarginLoss(margin=0.3, distance=distance, reducer=MeanReducer())
    expected = oracle(features, ids, BatchHardMiner(distance=distance)(features, ids))
    (gradient,) = torch.autograd.grad(expected, features)
    found = BatchHardTriplet(margin=0.3, metric=metric)(features, ids)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(torch.autograd.grad(found, features)[0], gradient, rtol=1e-3, atol=1e-6)


def test_a_batch_counted_by_hand() -> None:
    # On a line: person 0 at 0 and 3, person 1 at 4 and 10.
    features, ids = torch.tensor([[0.0], [3.0], [4.0], [10.0]]), torch.tensor([0, 0, 1, 1])
    # anchor at 0: furthest own 3, closest other 4 -> 1 + 3 - 4 = 0
    # anchor at 3: own 3, other 1 -> 3;  at 4: own 6, other 1 -> 6;  at 10: own 6, other 7 -> 0
    loss = BatchHardTriplet(margin=1.0, metric="euclidean")(features, ids)
    assert loss.item() == pytest.approx((0 + 3 + 6 + 0) / 4)


def test_a_batch_counted_by_hand_with_cosines() -> None:
    # Directions 0, 90, 180 degrees; persons 0, 0, 1. Distances: 1 between neighbours, 2 across.
    features, ids = torch.tensor([[5.0, 0.0], [0.0, 0.1], [-3.0, 0.0]]), torch.tensor([0, 0, 1])
    # 0.3 + 1 - 2 < 0;  0.3 + 1 - 1 = 0.3;  the third has no positive but itself: 0.3 + 0 - 1 < 0
    assert BatchHardTriplet(margin=0.3)(features, ids).item() == pytest.approx(0.1)


def test_the_default_is_the_papers() -> None:
    assert (BatchHardTriplet().margin, BatchHardTriplet().metric) == (0.3, "cosine")


@pytest.mark.parametrize("metric", METRICS)
def test_duplicates_have_finite_gradients(metric: Metric) -> None:
    features = torch.ones(4, 3, requires_grad=True)  # all at distance 0 from each other
    loss = BatchHardTriplet(margin=0.3, metric=metric)(features, torch.tensor([0, 0, 1, 1]))
    assert loss.item() == pytest.approx(0.3, abs=1e-5)
    loss.backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("metric", METRICS)
def test_rows_of_zeros_have_finite_gradients(metric: Metric) -> None:
    features = torch.zeros(4, 3, requires_grad=True)
    BatchHardTriplet(metric=metric)(features, torch.tensor([0, 0, 1, 1])).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("metric", METRICS)
def test_one_person_alone_costs_nothing(metric: Metric) -> None:
    features = torch.randn(4, 3, requires_grad=True)
    loss = BatchHardTriplet(metric=metric)(features, torch.zeros(4, dtype=torch.int64))
    loss.backward()
    assert loss == 0
    assert features.grad is not None
    assert (features.grad == 0).all()


def test_the_scale_of_features_does_not_matter_to_cosines() -> None:
    torch.manual_seed(0)
    features, ids = torch.randn(8, 4), torch.arange(4).repeat_interleave(2)
    loss = BatchHardTriplet()
    torch.testing.assert_close(loss(features, ids), loss(1000 * features, ids))


def test_only_the_hardest_pair_of_each_anchor_counts() -> None:
    distance = torch.tensor([[0.0, 2.0, 1.0], [2.0, 0.0, 5.0], [1.0, 5.0, 0.0]], requires_grad=True)
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    batch_hard_triplet(distance, same, margin=0.5).backward()  # anchors: 0.5+2-1, 0.5+2-5 < 0, 0.5+0-1 < 0
    expected = torch.zeros(3, 3)
    expected[0, 1], expected[0, 2] = 1 / 3, -1 / 3
    torch.testing.assert_close(distance.grad, expected)


@pytest.mark.parametrize("metric", METRICS)
def test_the_distance_matrix_is_that_of_a_loop(metric: Metric) -> None:
    torch.manual_seed(1)
    x, y = torch.randn(4, 5).double(), torch.randn(3, 5).double()
    expected = torch.tensor([[slow_distance(a, b, metric) for b in y] for a in x]).double()
    torch.testing.assert_close(pairwise_distance(x, y, metric=metric), expected)


@pytest.mark.parametrize("metric", METRICS)
def test_the_soft_margin_is_the_logarithm_of_what_is_too_far(metric: Metric) -> None:
    torch.manual_seed(0)
    features, ids = torch.randn(8, 6, dtype=torch.float64), [0, 0, 0, 1, 1, 2, 2, 3]
    expected = 0.0
    for anchor, person in enumerate(ids):
        to = [slow_distance(features[anchor], other, metric) for other in features]
        to[anchor] = 0.0
        furthest = max(d for d, other in zip(to, ids, strict=True) if other == person)
        closest = min(d for d, other in zip(to, ids, strict=True) if other != person)
        expected += math.log(1 + math.exp(furthest - closest)) / len(ids)
    found = BatchHardTriplet(margin="soft", metric=metric)(features, torch.tensor(ids))
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_the_soft_margin_of_one_person_alone_costs_nothing() -> None:
    features = torch.randn(3, 4, requires_grad=True)
    loss = BatchHardTriplet(margin="soft")(features, torch.zeros(3, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert features.grad.isfinite().all()
