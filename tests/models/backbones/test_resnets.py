import pytest
import torch

from stca.models.backbones.resnet2d import IBN, ResNet2d
from stca.models.backbones.resnet3d import ResNet3d
from stca.models.heads import BNNeck


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [4, 7])
def test_ibn_is_instance_norm_on_the_first_half_and_batch_norm_on_the_rest(
    channels: int, training: bool
) -> None:
    torch.manual_seed(0)
    ibn = IBN(channels).train(training)
    for tensor in ibn.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    x = 2 + 3 * torch.randn(3, channels, 5, 4)
    expected = torch.empty_like(x)
    mean, var = ibn.BN.running_mean.clone(), ibn.BN.running_var.clone()
    for channel in range(channels):
        half = channels // 2
        for image in range(3):
            if channel < half:  # every image by its own statistics, in training as in evaluation
                seen, scale, shift = x[image, channel], ibn.IN.weight[channel], ibn.IN.bias[channel]
                m, v = seen.mean(), seen.var(unbiased=False)
            else:
                place = channel - half
                scale, shift = ibn.BN.weight[place], ibn.BN.bias[place]
                m, v = (
                    (x[:, channel].mean(), x[:, channel].var(unbiased=False))
                    if training
                    else (mean[place], var[place])
                )
            expected[image, channel] = (x[image, channel] - m) / (v + 1e-5).sqrt() * scale + shift
    torch.testing.assert_close(ibn(x), expected, rtol=1e-4, atol=1e-5)


def test_the_last_stage_keeps_the_resolution() -> None:
    net = ResNet2d(layers=(1, 1, 1, 1), width=4).eval()
    x = net.stem(torch.randn(2, 3, 64, 32))
    assert x.shape == (2, 4, 16, 8)
    shapes = [tuple(net.stages(x, 1, last).shape[1:]) for last in (1, 2, 3, 4)]
    assert shapes == [(16, 16, 8), (32, 8, 4), (64, 4, 2), (128, 4, 2)]
    halved = ResNet2d(layers=(1, 1, 1, 1), width=4, last_stride=2).eval()
    assert halved.stages(x, 1, 4).shape == (2, 128, 2, 1)


def test_stages_can_be_run_in_two_parts() -> None:
    net = ResNet2d(layers=(1, 2, 1, 1), width=4).eval()
    x = net.stem(torch.randn(1, 3, 32, 16))
    torch.testing.assert_close(net.stages(net.stages(x, 1, 2), 3, 4), net.stages(x, 1, 4))
    assert net.stages(x, 4, 3) is x


@pytest.mark.parametrize(("norm", "count"), [("ibn-a", 3 + 4 + 6), ("bn", 0)])
def test_ibn_stands_in_the_first_three_stages_only(norm: str, count: int) -> None:
    with torch.device("meta"):
        net = ResNet2d(norm=norm)  # type: ignore[arg-type]
    found = [name for name, module in net.named_modules() if isinstance(module, IBN)]
    assert len(found) == count
    assert all(name.endswith("bn1") and name[5] in "123" for name in found)


@pytest.mark.parametrize(("frames", "left"), [(1, 1), (2, 1), (4, 1), (8, 1), (9, 2), (16, 2), (17, 3)])
def test_the_3d_stream_halves_time_at_the_pool_and_twice_more(frames: int, left: int) -> None:
    for stem_frames in (1, 3, 7):
        net = ResNet3d(layers=(1, 1, 1), width=4, stem_frames=stem_frames).eval()
        assert net(torch.randn(1, 3, frames, 64, 32)).shape == (1, 64, left, 4, 2)


def test_convolutions_start_by_he_and_norms_as_the_identity() -> None:
    torch.manual_seed(0)
    net = ResNet3d(layers=(1, 1), width=32)
    weight = net.conv1.weight
    assert weight.std().item() == pytest.approx((2 / (32 * 7**3)) ** 0.5, rel=0.02)  # fan out
    assert (net.bn1.weight == 1).all()
    assert (net.bn1.bias == 0).all()


def test_the_neck_has_a_frozen_bias_and_a_classifier_without_one() -> None:
    neck = BNNeck(6, 4)
    assert [name for name, p in neck.named_parameters() if p.requires_grad] == [
        "norm.weight",
        "classifier.weight",
    ]
    x = torch.randn(10, 6)
    out = neck(x)
    assert out.pooled is x
    expected = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(out.embedding, expected)
    torch.testing.assert_close(out.logits, expected @ neck.classifier.weight.T)
