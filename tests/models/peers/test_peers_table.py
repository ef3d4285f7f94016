"""What the table says of the peers, and what they cost, is what was recorded."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from official_peers import OFFICIAL, RECORDED, meta
from stca.embedding import open_embedder
from stca.errors import ConfigError
from stca.export import export_model
from stca.models import PEERS, ReIDModel
from stca.models.peers import SYSTEMS
from stca.models.peers.psta import PSTA
from stca.tracklets import Tracklet

WITH_LOGITS: dict[str, Callable[[ReIDModel, Tensor], object]] = {"PSTA": PSTA.levels}
"""By system: how its logits are computed, where the official network computes them in evaluation mode too."""


@pytest.mark.parametrize("name", OFFICIAL)
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


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_table_says_what_was_recorded(name: str) -> None:
    peer, entry = PEERS[name], RECORDED[name]
    system = SYSTEMS[peer.system]
    model = meta(name)
    assert model.system == peer.system
    assert (model.clip_len, model.image_size) == (peer.clip_len, peer.image_size)
    assert peer.image_size == tuple(entry["resolution"])
    assert peer.clip_len == entry["frames"][0]
    assert system.code
    assert entry["repository"].startswith(system.code)
    if entry["paper_mars"] is None:
        assert peer.mars is None
    else:
        figures = entry["paper_mars"]["mAP"], entry["paper_mars"]["rank1"]
        assert peer.mars is not None
        assert (peer.mars.mean_ap, peer.mars.rank1) == figures


def test_the_table_has_every_network_that_was_recorded() -> None:
    assert set(OFFICIAL) == set(RECORDED)
    assert {peer.system for peer in PEERS.values()} == set(SYSTEMS)


@pytest.mark.parametrize("name", PEERS)
def test_clips_of_a_length_that_does_not_fit_are_refused(name: str) -> None:
    model = meta(name)
    height, width = PEERS[name].image_size
    multiple = model.frames_fixed or model.frames_multiple
    for frames in {0, multiple + 1} if multiple > 1 else {0}:
        with pytest.raises(ConfigError, match=rf"expected: +.*{multiple} frames"):
            model(torch.empty(1, frames, 3, height, width, device="meta"))


def test_a_clip_length_that_does_not_fit_is_refused_before_anything_runs(tmp_path: Path) -> None:
    model = meta("ste_nvan")
    with pytest.raises(ConfigError, match=r"multiple of 4 frames[\s\S]*6 frames"):
        export_model(model, tmp_path / "ste_nvan.onnx", clip_len=6)
    tracklet = Tracklet((tmp_path / "missing.jpg",), 1, 0, "a")
    with (
        pytest.raises(ConfigError, match="multiple of 4 frames"),
        open_embedder(model, [tracklet], clip_len=6),
    ):
        pass


def counted(name: str) -> float:
    """Multiply-adds of one clip, without the classifier."""
    clips = torch.empty(1, PEERS[name].clip_len, 3, *PEERS[name].image_size, device="meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        meta(name).features(clips)
    return counter.get_total_flops() / 2


def test_the_page_lists_every_peer_with_what_was_recorded() -> None:
    text = (Path(__file__).parents[3] / "docs" / "peers.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (\d+) \| ([\d.]+) \| (.*?) \|", text, re.MULTILINE)
    assert [name for name, *_ in rows] == list(PEERS)
    for name, parameters, frames, cost, scores in rows:
        mars = PEERS[name].mars
        assert int(parameters.replace(",", "")) == sum(each.numel() for each in meta(name).parameters())
        assert int(frames) == PEERS[name].clip_len
        if name in OFFICIAL:
            assert int(frames) == RECORDED[name]["macs_frames"]
        multiply_adds = RECORDED[name]["macs_one_clip"] if name in OFFICIAL else counted(name)
        assert cost == f"{multiply_adds / 1e9:.2f}"
        assert scores == (f"{mars.mean_ap} / {mars.rank1}" if mars else "")
