"""What the table says of the peers, and what they cost, is what was recorded."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from official_peers import RECORDED, meta
from stca.errors import ConfigError
from stca.models import PEERS, ReIDModel
from stca.models.peers import SYSTEMS
from stca.models.peers.psta import PSTA

WITH_LOGITS: dict[str, Callable[[ReIDModel, Tensor], object]] = {"PSTA": PSTA.levels}
"""By system: how its logits are computed, where the official network computes them in evaluation mode too."""


@pytest.mark.parametrize("name", PEERS)
def test_parameters_and_multiply_adds_are_counted_as_in_the_official_network(name: str) -> None:
    model, entry = meta(name), RECORDED[name]
    assert sum(each.numel() for each in model.parameters()) == entry["parameters"]
    clips = torch.empty(1, entry["macs_frames"], 3, *entry["resolution"], device="meta")
    system = PEERS[name].system
    compute = WITH_LOGITS.get(system, lambda model, clips: model.head(model.features(clips)))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        compute(model, clips)
    logits = sum(  # most official networks do not compute them in evaluation mode
        part.weight.numel()
        for key, part in model.named_modules()
        if re.match(r"head\..*classifier$", key) or key == "head.classifier"
    )
    expected = entry["macs_one_clip"] + (0 if system in WITH_LOGITS else logits)
    assert counter.get_total_flops() == 2 * expected


@pytest.mark.parametrize("name", PEERS)
def test_the_table_says_what_was_recorded(name: str) -> None:
    peer, entry = PEERS[name], RECORDED[name]
    system = SYSTEMS[peer.system]
    model = meta(name)
    assert model.system == peer.system
    assert (model.clip_len, model.image_size) == (peer.clip_len, peer.image_size)
    assert peer.image_size == tuple(entry["resolution"])
    assert peer.clip_len == entry["frames"][0]
    assert entry["repository"].startswith(system.code)
    if entry["paper_mars"] is None:
        assert peer.mars is None
    else:
        figures = entry["paper_mars"]["mAP"], entry["paper_mars"]["rank1"]
        assert peer.mars is not None
        assert (peer.mars.mean_ap, peer.mars.rank1) == figures


def test_the_table_has_every_network_that_was_recorded() -> None:
    assert set(PEERS) == set(RECORDED)
    assert {peer.system for peer in PEERS.values()} == set(SYSTEMS)


@pytest.mark.parametrize("name", PEERS)
def test_clips_of_a_length_that_does_not_fit_are_refused(name: str) -> None:
    model = meta(name)
    height, width = PEERS[name].image_size
    multiple = model.frames_fixed or model.frames_multiple
    for frames in {0, multiple + 1} if multiple > 1 else {0}:
        with pytest.raises(ConfigError, match=rf"expected: +.*{multiple} frames"):
            model(torch.empty(1, frames, 3, height, width, device="meta"))
