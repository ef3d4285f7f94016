import pytest
import torch
from torch import Tensor

from stca.losses import CenterLoss


def slow_center(features: Tensor, ids: Tensor, centers: Tensor) -> float:
    """Eq. 5: half the sum of squared distances."""
    total = 0.0
    for row, person in zip(features, ids.tolist(), strict=True):
        total += sum((float(a) - float(b)) ** 2 for a, b in zip(row, centers[person], strict=True))
    return total / 2


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64), torch.tensor([0, 2, 2, 1, 0, 2, 2])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_it_is_the_loop_over_the_batch(batch: tuple[Tensor, Tensor], reduction: str) -> None:
    loss = CenterLoss(5, 4, reduction=reduction).double()  # type: ignore[arg-type]
    expected = slow_center(*batch, loss.centers.detach())
    assert loss(*batch).item() == pytest.approx(expected / (7 if reduction == "mean" else 1))


def test_a_step_moves_the_centres_of_the_batch_towards_their_features(batch: tuple[Tensor, Tensor]) -> None:
    loss = CenterLoss(5, 4, reduction="sum").double()
    before = loss.centers.detach().clone()
    loss(*batch).backward()
    torch.optim.SGD(loss.parameters(), lr=0.1).step()
    features, ids = batch
    for person in range(5):
        pull = sum((before[person] - row for row in features[ids == person]), torch.zeros(4).double())
        torch.testing.assert_close(loss.centers[person].detach(), before[person] - 0.1 * pull)


def test_features_on_their_centre_cost_nothing() -> None:
    loss = CenterLoss(3, 4)
    features = loss.centers.detach()[[2, 0]].requires_grad_()
    value = loss(features, torch.tensor([2, 0]))
    value.backward()
    assert value == 0
    assert features.grad is not None
    assert (features.grad == 0).all()
