"""MobileNetV2 as 2D stream: against the paper's figures, published weights under either naming, learnt pooling."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from published_mobilenet import published
from stca.errors import CheckpointError, ConfigError
from stca.inference.vectors import VectorNet, fold_norms
from stca.models import create_model, load_model, load_weights, save_model
from stca.models.backbones.mobilenet import DepthwiseConv, MobileNetV2
from stca.models.spatial_pooling import SpatialMean, SpatialWeights


def test_parameters_and_sizes_are_those_of_the_paper() -> None:
    net = MobileNetV2(last_stride=2).eval()
    assert sum(p.numel() for p in net.parameters()) == 3_504_872 - 1_281_000, "table 4: 3.5 M with classifier"
    x = net.stem(torch.zeros(1, 3, 64, 32))
    assert x.shape == (1, 16, 32, 16)
    sizes = [tuple(net.stages(x, 1, stage).shape[1:]) for stage in (1, 2, 3, 4)]
    assert sizes == [(24, 16, 8), (32, 8, 4), (96, 4, 2), (1280, 2, 1)]
    kept = MobileNetV2(features=40)
    assert kept(torch.zeros(2, 3, 64, 32)).shape == (2, 40, 4, 2)
    assert kept.channels == (24, 32, 96, 40)
    with pytest.raises(ValueError, match="features"):
        MobileNetV2(features=0)


def test_stages_in_pieces_are_the_whole() -> None:
    torch.manual_seed(0)
    net, x = MobileNetV2(features=8).eval(), torch.randn(2, 3, 32, 16)
    torch.testing.assert_close(net.stages(net.stages(net.stem(x), 1, 3), 4, 4), net(x))


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (1, 2)])
def test_a_strided_depthwise_convolution_in_training_is_that_of_pytorch(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = DepthwiseConv(3, 3, 3, stride=2, padding=1, groups=3, bias=False).train()
    frames = torch.randn(2, 3, *size, requires_grad=True)
    wanted = nn.functional.conv2d(frames, conv.weight, stride=2, padding=1, groups=3)
    given = conv(frames)
    torch.testing.assert_close(given, wanted)
    torch.testing.assert_close(conv.eval()(frames), wanted)
    weights = torch.randn_like(wanted)
    asked = (frames, conv.weight)
    for ours, theirs in zip(
        torch.autograd.grad((given * weights).sum(), asked),
        torch.autograd.grad((wanted * weights).sum(), asked),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("nested", [False, True])
def test_published_weights_fill_the_stream_in_the_order_of_computation(tmp_path: Path, nested: bool) -> None:
    state = published(nested=nested)
    torch.save(state, tmp_path / "mobilenet.pth")
    model = create_model("cnn2d", num_ids=3, backbone2d="mobilenet_v2", image_size=(32, 16))
    report = load_weights(model, tmp_path / "mobilenet.pth")
    assert report.layout == "ImageNet MobileNetV2"
    assert set(report.unused) == {"classifier.1.weight", "classifier.1.bias"}
    assert all(name.startswith("head.") for name in report.missing)
    stream = model.get_submodule("stream2d")
    features = [t for name, t in state.items() if name.startswith("features.")]
    for ours, theirs in zip(stream.state_dict().values(), features, strict=True):
        assert torch.equal(ours, theirs)


def test_a_narrower_end_is_left_as_it_was_and_said(tmp_path: Path) -> None:
    torch.save(published(nested=False), tmp_path / "mobilenet.pth")
    model = create_model("cnn2d_mobile", num_ids=3, image_size=(32, 16))
    before = model.state_dict()["stream2d.layer4.4.0.weight"].clone()
    report = load_weights(model, tmp_path / "mobilenet.pth")
    assert "features.18.0.weight" in report.unused
    assert "features.18.1.running_var" in report.unused
    assert "stream2d.layer4.4.0.weight" in report.missing
    assert torch.equal(model.state_dict()["stream2d.layer4.4.0.weight"], before)
    assert len([n for n in report.used if n.startswith("stream2d.")]) == 312 - 6 + 1  # its counter fits


def test_they_are_refused_where_they_do_not_belong(tmp_path: Path) -> None:
    state = published(nested=False)
    torch.save(state, tmp_path / "whole.pth")
    with pytest.raises(CheckpointError, match="do not fit"):
        load_weights(create_model("cnn2d_small", num_ids=3), tmp_path / "whole.pth")
    torch.save({k: v for k, v in state.items() if not k.startswith("features.9.")}, tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match="98 layers in the file"):
        load_weights(create_model("cnn2d_mobile", num_ids=3), tmp_path / "cut.pth")


def test_the_mean_over_space_is_the_mean() -> None:
    maps = torch.randn(2, 3, 5, 4, 2)
    torch.testing.assert_close(SpatialMean(5, (64, 32))(maps), maps.mean(dim=(3, 4)))


def test_learnt_weights_start_as_the_mean_and_know_places() -> None:
    torch.manual_seed(0)
    pool, maps = SpatialWeights(5, (64, 32), dim=7), torch.randn(2, 3, 5, 4, 2)
    torch.testing.assert_close(pool(maps), pool.linear(maps.mean(dim=(3, 4))))
    with torch.no_grad():
        pool.weight.zero_()
        pool.weight[2, 1, 1] = 1
    only = torch.zeros(2, 3, 5)
    only[:, :, 2] = maps[:, :, 2, 1, 1]
    torch.testing.assert_close(pool(maps), pool.linear(only))
    with pytest.raises(ConfigError, match="multiples of 16"):
        SpatialWeights(5, (60, 32))


@pytest.mark.parametrize("name", ["cnn2d_mobile", "stca_mobile"])
def test_named_models_fold_their_norms_and_come_back(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create_model(name, num_ids=2, image_size=(32, 16)).eval()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 1.5)
    frames = torch.randint(0, 256, (2, 4, 32, 16, 3), dtype=torch.uint8)
    with torch.no_grad():
        vectors, folded = VectorNet(model)(frames), VectorNet(fold_norms(model))(frames)
        torch.testing.assert_close(folded, vectors, rtol=1e-3, atol=1e-4)
        save_model(model, tmp_path / "m.safetensors")
        again = VectorNet(load_model(tmp_path / "m.safetensors"))(frames)
        torch.testing.assert_close(again, vectors, rtol=0, atol=0)
        save_model(model, tmp_path / "half.safetensors", half=True)
        assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (
            tmp_path / "m.safetensors"
        ).stat().st_size
        half = load_model(tmp_path / "half.safetensors")
        assert {p.dtype for p in half.parameters()} == {torch.float32}
        assert torch.nn.functional.cosine_similarity(VectorNet(half)(frames), vectors).min() > 0.999


def test_the_shared_weights_see_what_imagenet_has(tmp_path: Path) -> None:
    path = Path(os.environ.get("STCA_SHARED", "../shared")) / "weights" / "imagenet_mobilenetv2.pt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    model = create_model("cnn2d", num_ids=1, backbone2d="mobilenet_v2", image_size=(64, 32))
    report = load_weights(model, path)
    assert not report.unused
    maps = model.eval().frame_maps(torch.zeros(1, 1, 3, 64, 32))
    assert maps.isfinite().all()
    assert 0 < maps.mean() < 6
