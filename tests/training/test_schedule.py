import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.config import OptimConfig
from stca.training import learning_rate


def test_the_learning_rate_warms_up_and_falls_at_its_milestones() -> None:
    optim = OptimConfig(lr=1.0, milestones=(5, 8), gamma=0.1, warmup_epochs=3)
    rates = [learning_rate(optim, epoch) for epoch in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_the_default_is_the_papers_with_one_fall_at_200() -> None:
    rates = [learning_rate(OptimConfig(), epoch) for epoch in (0, 199, 200, 449)]
    assert rates == pytest.approx([3.5e-4, 3.5e-4, 3.5e-5, 3.5e-5])


@given(
    milestones=st.lists(st.integers(1, 40), max_size=4).map(tuple),
    warmup=st.integers(0, 10),
    epoch=st.integers(0, 50),
)
def test_the_rate_never_rises_after_the_warm_up(milestones: tuple[int, ...], warmup: int, epoch: int) -> None:
    optim = OptimConfig(lr=0.5, milestones=milestones, gamma=0.5, warmup_epochs=warmup)
    now, then = learning_rate(optim, epoch), learning_rate(optim, epoch + 1)
    assert 0 < now <= 0.5
    assert then <= now or epoch < warmup
    if epoch >= warmup:
        assert now == pytest.approx(0.5 * 0.5 ** len([m for m in milestones if m <= epoch]))
