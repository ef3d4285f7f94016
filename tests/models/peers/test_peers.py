"""Every peer is the official network: same weights, same clips, same answers."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from stca.errors import CheckpointError, ConfigError
from stca.models import PEERS, ReIDModel, WeightsReport, create_model, load_weights
from stca.models.backbones.resnet2d import ResNet2d
from stca.models.peers import SYSTEMS
from stca.models.peers.psta import PSTA

TOLERANCE = 1e-4
DATA = Path(__file__).parent.parent.parent / "data" / "peers"
RECORDED = json.loads((DATA / "peers.json").read_text())


def cosam_maps(model: ReIDModel, clips: Tensor) -> dict[str, Tensor]:
    first = 3 if model.se else 2
    found = {}
    for number, common in enumerate(model.common(clips), first):
        found[f"spatial_mask_{number}"] = common.masks.flatten(2).flatten(0, 1)
        found[f"channel_gate_{number}"] = common.gates.repeat_interleave(clips.shape[1], dim=0)
    return found


MAPS: dict[str, Callable[[ReIDModel, Tensor], dict[str, Tensor]]] = {
    "AP3D": lambda model, clips: {"frames": model.frame_vectors(clips)},
    "coSAM": cosam_maps,
    "TCLNet": lambda model, clips: {
        "after_bn": torch.cat([half.embedding for half in model.head.halves(model(clips).pooled)], dim=1)
    },
    "SINet": lambda model, clips: {"frames_after_bn": model.frame_embeddings(clips)},
    "GRL": lambda model, clips: _grl(model, clips),
}
"""By system: what was recorded beside vectors and logits, by its name in the official outputs."""

IDLE: dict[str, str] = {"STMN": "frame_head", "PSTA": "lower_heads", "GRL": "verification"}
"""By system: a pattern of parameters that nothing passes through, though the official checkpoints hold them."""

WITH_LOGITS: dict[str, Callable[[ReIDModel, Tensor], object]] = {"PSTA": PSTA.levels}
"""By system: how its logits are computed, where the official network computes them in evaluation mode too."""

SMALL: dict[str, tuple[int, int]] = {"BiCnet-TKS": (128, 64)}
"""By system: the smallest frames it takes, where (64, 32) is too small."""

Loaded = tuple[str, ReIDModel, WeightsReport]


def meta(name: str, **options: object) -> ReIDModel:
    """A network without numbers in it."""
    with torch.device("meta"):
        return create_model(name, num_ids=625, **options).eval()


def _grl(model: ReIDModel, clips: Tensor) -> dict[str, Tensor]:
    parts = model.parts(clips)
    return {
        "uncorrelated": parts.uncorrelated,
        "frames_correlated": parts.frames,
        "attended": parts.attended,
        "correlation_map": parts.correlation.flatten(2),
        "attention_probe": model.pool(_unit_rows(clips.shape[1])),
    }


def _unit_rows(frames: int) -> Tensor:
    """Random vectors of length one, since those of a clip's frames hardly differ (`peers.json`, notes)."""
    rows = np.random.default_rng(77 + frames).standard_normal((2, frames, 2048)).astype(np.float32)
    return torch.nn.functional.normalize(torch.from_numpy(rows), dim=-1)[:1]


def error(found: Tensor, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    assert found.shape == expected.shape
    return float(np.abs(found.numpy() - expected).max() / np.abs(expected).max())


def test_outputs_are_the_official_ones(loaded: Loaded, official: ModuleType) -> None:
    name, model, _ = loaded
    frames = PEERS[name].clip_len
    clips = official.clips(name, frames)[:1]
    with torch.inference_mode():
        found = model(clips)._asdict()
        recorded = {key.removeprefix(f"t{frames}_"): value for key, value in official.outputs(name).items()}
        if recorded.keys() - found.keys():
            found |= MAPS[PEERS[name].system](model, clips)
    errors = {key: error(found[key], value) for key, value in recorded.items()}
    assert max(errors.values()) <= TOLERANCE, errors


def test_every_tensor_of_the_official_checkpoint_is_used(loaded: Loaded, official: ModuleType) -> None:
    name, model, report = loaded
    assert report.layout == f"official {PEERS[name].system}"
    assert report.unused == report.missing == ()
    assert sorted(report.used) == sorted(model.state_dict())
    assert len(report.used) == len(official.shapes(name))


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
def test_clips_of_a_batch_do_not_see_each_other_and_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    size = SMALL.get(PEERS[name].system, (64, 32))
    try:
        model = create_model(name, num_ids=3, image_size=size)
    except ConfigError:  # made for one image size
        pytest.skip(f"{name} has one image size")
    clips = torch.randn(2, model.frames_fixed or max(2, model.frames_multiple), 3, *size)
    with torch.inference_mode():
        together = model.eval()(clips).embedding
        alone = torch.cat([model(clip[None]).embedding for clip in clips])
    assert error(together, alone.numpy()) <= TOLERANCE
    assert together.shape == (2, model.embedding_dim)
    output = model.train()(clips)
    (output.embedding.square().mean() + output.logits.square().sum()).backward()
    for key, parameter in model.named_parameters():
        idle = IDLE.get(PEERS[name].system)
        if parameter.requires_grad and not (idle and re.search(idle, key)):
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key


@pytest.mark.parametrize("name", PEERS)
def test_clips_of_a_length_that_does_not_fit_are_refused(name: str) -> None:
    model = meta(name)
    height, width = PEERS[name].image_size
    multiple = model.frames_fixed or model.frames_multiple
    for frames in {0, multiple + 1} if multiple > 1 else {0}:
        with pytest.raises(ConfigError, match=rf"expected: +.*{multiple} frames"):
            model(torch.empty(1, frames, 3, height, width, device="meta"))


def test_a_checkpoint_with_a_tensor_too_few_is_refused(official: ModuleType, tmp_path: Path) -> None:
    state = official.state_dict("resnet50tp")
    del state["base.7.2.bn3.weight"]
    torch.save({"state_dict": state}, tmp_path / "damaged.pth")
    model = create_model("resnet50tp", num_ids=625)
    with pytest.raises(CheckpointError, match=r"stream2d\.layer4\.2\.bn3\.weight"):
        load_weights(model, tmp_path / "damaged.pth")


def test_tensors_that_are_not_used_are_reported_by_their_names(official: ModuleType, tmp_path: Path) -> None:
    state = official.state_dict("resnet50tp") | {"base.8.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "more.pth")
    model = create_model("resnet50tp", num_ids=10)
    report = load_weights(model, tmp_path / "more.pth")
    assert set(report.unused) == {"base.8.weight", "classifier.weight", "classifier.bias"}
    assert set(report.missing) == {"head.classifier.weight", "head.classifier.bias"}


def plain_resnet(official: ModuleType) -> dict[str, Tensor]:
    """Weights of a ResNet-50 by the names that ImageNet checkpoints have."""
    with torch.device("meta"):
        names = ResNet2d(norm="bn").state_dict()
    return {name: official.tensor(name, list(value.shape), []) for name, value in names.items()}


@pytest.mark.parametrize(
    ("name", "inflate"), [("ap3dnlres50", True), ("ap3d_ap_p3db", True), ("nvan", False)]
)
def test_with_weights_from_imagenet_a_new_peer_starts_as_a_plain_resnet(
    official: ModuleType, tmp_path: Path, name: str, inflate: bool
) -> None:
    state = plain_resnet(official)
    trunk = ResNet2d(norm="bn").eval()
    trunk.load_state_dict(state)
    torch.save(state | {"fc.weight": torch.zeros(1000, 2048)}, tmp_path / "imagenet.pth")
    model = create_model(name, num_ids=3, image_size=(64, 32)).eval()
    report = load_weights(model, tmp_path / "imagenet.pth", inflate=inflate)
    assert report.layout == "ImageNet ResNet"
    assert report.unused == ("fc.weight",)
    assert len(report.used) == len(state)
    if name == "nvan":
        trunk.relu = torch.nn.Identity()
    clips = torch.randn(1, 2, 3, 64, 32)
    with torch.inference_mode():
        maps, found = trunk(clips.flatten(0, 1)), model(clips).pooled
    pooled = maps.mean(dim=(2, 3)) if name == "nvan" else maps.amax(dim=(2, 3))
    torch.testing.assert_close(found, pooled.mean(dim=0, keepdim=True), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["stmn", "tclnet", "sinet", "bicnet_tks", "psta", "grl"])
def test_all_copies_of_a_stage_begin_with_the_weights_from_imagenet(
    official: ModuleType, tmp_path: Path, name: str
) -> None:
    state = plain_resnet(official)
    save_file(state, tmp_path / "imagenet.safetensors")
    model = meta(name).to_empty(device="cpu")
    report = load_weights(model, tmp_path / "imagenet.safetensors", inflate=True)
    assert report.unused == ()
    more = {
        "stmn": 2 * sum("layer4." in key for key in state),
        "tclnet": sum("layer4.2." in key for key in state),
    }
    assert len(report.used) == len(state) + more.get(name, 0)
    own = model.state_dict()
    for part, places in model.copies.items():
        leaf = ".0.conv2.weight" if part == "layer4" else ".conv2.weight"
        for place in places:
            assert torch.equal(own[place + leaf], state[part + leaf])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PEERS if len(RECORDED[name]["frames"]) > 1])
def test_clips_of_the_other_length_have_the_official_norms_and_differences(
    official: ModuleType, tmp_path: Path, name: str
) -> None:
    frames, checks = RECORDED[name]["frames"][1], RECORDED[name]["checks"]
    save_file(official.state_dict(name, frames), tmp_path / "other.safetensors")
    model = meta(name, clip_len=frames).to_empty(device="cpu")
    load_weights(model, tmp_path / "other.safetensors")
    clips = official.clips(name, frames)
    with torch.inference_mode():
        found, backwards = model(clips).embedding, model(clips.flip(1)).embedding
    norm = found.norm(dim=1).mean()
    torch.testing.assert_close(float(norm), RECORDED[name]["embedding_norm"][str(frames)], rtol=1e-5, atol=0)
    between = (found[1] - found[0]).norm() / found[0].norm()
    turned = ((backwards - found).norm(dim=1) / found.norm(dim=1)).max()
    for value, key in ((between, "clip_reldiff"), (turned, "reverse_time_reldiff")):
        torch.testing.assert_close(float(value), checks[f"{key}_t{frames}"], rtol=1e-4, atol=2e-6)
