"""Pooling by consensus: against the slow obvious way, and against frames of somebody else."""

import math

import pytest
import torch
import torch.nn.functional as F

from stca.models import create_model
from stca.models.temporal_pooling import POOLINGS, TemporalConsensus


def slowly(frames: list[list[float]]) -> list[float]:
    """One clip, with plain numbers."""

    def length(vector: list[float]) -> float:
        return math.sqrt(sum(x * x for x in vector))

    unit = [[x / length(frame) for x in frame] for frame in frames]
    weights = [1 / len(frames)] * len(frames)
    for _ in range(2):
        centre = [sum(w * u[k] for w, u in zip(weights, unit, strict=True)) for k in range(len(unit[0]))]
        cosines = [sum(a * b for a, b in zip(u, centre, strict=True)) / length(centre) for u in unit]
        raised = [math.exp(6 * cosine) for cosine in cosines]
        weights = [each / sum(raised) for each in raised]
    return weights


def test_it_is_the_slow_obvious_way() -> None:
    torch.manual_seed(0)
    frames = torch.randn(3, 5, 4) * torch.rand(3, 5, 1)
    pool = TemporalConsensus(4)
    wanted = torch.tensor([slowly(clip.tolist()) for clip in frames])
    torch.testing.assert_close(pool.weights(frames), wanted)
    torch.testing.assert_close(pool(frames), torch.einsum("bt,btd->bd", wanted, frames))


def test_frames_that_agree_are_their_mean_and_one_frame_is_itself() -> None:
    pool, frame = POOLINGS["consensus"](6), torch.randn(2, 1, 6)
    torch.testing.assert_close(pool(frame), frame[:, 0])
    torch.testing.assert_close(pool(frame.expand(2, 5, 6)), frame[:, 0])


def test_somebody_else_in_some_frames_counts_little() -> None:
    torch.manual_seed(1)
    person, other = F.normalize(torch.randn(2, 64), dim=1)
    frames = person + 0.02 * torch.randn(8, 64)
    frames[[1, 5, 6]] = other + 0.02 * torch.randn(3, 64)
    found = TemporalConsensus(64)(frames[None])
    assert F.cosine_similarity(found, person[None]) > 0.99
    assert F.cosine_similarity(frames.mean(dim=0, keepdim=True), person[None]) < 0.93
    shuffled = frames[torch.randperm(8)]
    torch.testing.assert_close(TemporalConsensus(64)(shuffled[None]), found, rtol=1e-4, atol=1e-5)


def test_frames_of_nothing_are_no_trouble() -> None:
    frames = torch.zeros(1, 4, 8, requires_grad=True)
    pooled = TemporalConsensus(8)(frames)
    pooled.sum().backward()
    assert torch.equal(pooled, torch.zeros(1, 8))
    assert frames.grad is not None
    assert frames.grad.isfinite().all()


@pytest.mark.parametrize("pooling", ["consensus"])
def test_a_network_takes_it_without_a_parameter_more(pooling: str) -> None:
    plain = create_model("cnn2d_small", num_ids=2, image_size=(32, 16), width=4, layers=(1, 1, 1, 1))
    robust = create_model(
        "cnn2d_small", num_ids=2, image_size=(32, 16), width=4, layers=(1, 1, 1, 1), pooling=pooling
    )
    assert sum(p.numel() for p in robust.parameters()) == sum(p.numel() for p in plain.parameters())
    assert robust.load_state_dict(plain.state_dict())
    frame = torch.randn(1, 1, 3, 32, 16)
    with torch.no_grad():
        torch.testing.assert_close(robust.eval()(frame).embedding, plain.eval()(frame).embedding)
