import math

import pytest
import torch

from stca.losses import OnlineInstanceMatching


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def test_it_is_the_loop_over_the_batch_and_the_table_follows() -> None:
    torch.manual_seed(0)
    loss = OnlineInstanceMatching(3, 4, temperature=0.2, momentum=0.3).double()
    table = [[0.0] * 4 for _ in range(3)]
    for _ in range(3):
        features, ids = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 2, 0, 0, 2])
        value = loss(features, ids)
        expected = 0.0
        rows = [unit(row) for row in features.tolist()]
        for row, person in zip(rows, ids.tolist(), strict=True):
            logits = [sum(a * b for a, b in zip(row, other, strict=True)) / 0.2 for other in table]
            expected += math.log(sum(math.exp(logit) for logit in logits)) - logits[person]
        assert value.item() == pytest.approx(expected / 5)
        for row, person in zip(rows, ids.tolist(), strict=True):
            table[person] = unit([0.3 * a + 0.7 * b for a, b in zip(table[person], row, strict=True)])
        torch.testing.assert_close(loss.table, torch.tensor(table, dtype=torch.float64))
    assert loss.table[1].abs().sum() == 0  # nobody saw the second person


def test_the_gradient_is_of_the_table_before_it_moved_and_evaluation_does_not_move_it() -> None:
    torch.manual_seed(0)
    loss = OnlineInstanceMatching(3, 4)
    loss(torch.randn(3, 4), torch.arange(3))
    features, ids = torch.randn(2, 4, requires_grad=True), torch.tensor([1, 2])
    before = loss.table.clone()
    (still,) = torch.autograd.grad(loss.eval()(features, ids), features)
    assert torch.equal(loss.table, before)
    (moving,) = torch.autograd.grad(loss.train()(features, ids), features)
    assert not torch.equal(loss.table, before)
    torch.testing.assert_close(moving, still)


def test_the_table_is_saved_with_the_loss() -> None:
    loss = OnlineInstanceMatching(3, 4)
    loss(torch.randn(3, 4), torch.arange(3))
    again = OnlineInstanceMatching(3, 4)
    again.load_state_dict(loss.state_dict())
    assert torch.equal(again.table, loss.table)
