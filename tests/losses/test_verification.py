import itertools
import math

import pytest
import torch
from torch import Tensor

from stca.losses import verification_loss


def compare(a: Tensor, b: Tensor) -> Tensor:
    difference = (a - b).square().sum(dim=1)
    return torch.stack((difference, 1 - difference), dim=1)


def test_it_is_the_loop_over_all_pairs() -> None:
    torch.manual_seed(0)
    features, ids = torch.randn(5, 3), [0, 1, 0, 2, 1]
    total = 0.0
    pairs = list(itertools.combinations(range(5), 2))
    for i, j in pairs:
        other, same = compare(features[i : i + 1], features[j : j + 1])[0].tolist()
        right = same if ids[i] == ids[j] else other
        total += math.log(math.exp(other) + math.exp(same)) - right
    found = verification_loss(compare, features, torch.tensor(ids))
    assert found.item() == pytest.approx(total / len(pairs), rel=1e-5)


def test_one_clip_is_no_pair() -> None:
    with pytest.raises(ValueError, match="two clips"):
        verification_loss(compare, torch.randn(1, 3), torch.tensor([0]))
