"""Peers read official checkpoints that are not quite so, and ImageNet weights."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from official_peers import meta
from stca.errors import CheckpointError
from stca.models import create_model, load_weights
from stca.models.backbones.resnet2d import ResNet2d


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
    clips = torch.randn(1, 2, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps, found = trunk(clips.flatten(0, 1)), model(clips).pooled
    pooled = maps.mean(dim=(2, 3)) if name == "nvan" else maps.amax(dim=(2, 3))
    torch.testing.assert_close(found, pooled.mean(dim=0, keepdim=True), rtol=1e-2, atol=5e-3)


@pytest.mark.parametrize(
    "name", ["stmn", "tclnet", "sinet", "bicnet_tks", "psta", "grl", "trinet", "sta", "gltr"]
)
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
