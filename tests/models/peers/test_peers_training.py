"""Peers can be trained and run as other models: clips are independent, gradients flow, norms fold."""

import re

import pytest
import torch

from official_peers import TOLERANCE, error
from stca.errors import ConfigError
from stca.inference.vectors import fold_norms
from stca.models import PEERS, create_model

IDLE: dict[str, str] = {"STMN": "frame_head", "PSTA": "lower_heads", "GRL": "verification"}
"""By system: a pattern of parameters that nothing passes through, though the official checkpoints hold them."""

SMALL: dict[str, tuple[int, int]] = {"BiCnet-TKS": (128, 64)}
"""By system: the smallest frames it takes, where (64, 32) is too small."""


@pytest.mark.parametrize("name", PEERS)
def test_clips_of_a_batch_do_not_see_each_other_and_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    size = SMALL.get(PEERS[name].system, (64, 32))
    try:
        model = create_model(name, num_ids=3, image_size=size)
    except ConfigError:  # made for one image size
        pytest.skip(f"{name} has one image size")
    for key, buffer in model.named_buffers():
        if key.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    clips = torch.randn(2, model.frames_fixed or max(2, model.frames_multiple), 3, *size)
    with torch.inference_mode():
        together = model.eval()(clips).embedding
        alone = torch.cat([model(clip[None]).embedding for clip in clips])
        folded = fold_norms(model)(clips).embedding
    assert error(together, alone.numpy()) <= TOLERANCE
    assert error(folded, together.numpy()) <= TOLERANCE
    assert together.shape == (2, model.embedding_dim)
    output = model.train()(clips)
    (output.embedding.square().mean() + output.logits.square().sum()).backward()
    for key, parameter in model.named_parameters():
        idle = IDLE.get(PEERS[name].system)
        if parameter.requires_grad and not (idle and re.search(idle, key)):
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
