from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stca.errors import ConfigError
from stca.models import STCA, create_model


@pytest.mark.parametrize("image_size", [(32, 16), (48, 16), (64, 32), (16, 48), (80, 80), (128, 64)])
@pytest.mark.parametrize("frames", [1, 3, 8])
def test_any_size_that_16_divides_and_any_clip_length_works(
    tiny: Callable[..., STCA], image_size: tuple[int, int], frames: int
) -> None:
    model = tiny(image_size=image_size)
    clips = torch.randn(2, frames, 3, *image_size)
    with torch.inference_mode():
        output = model(clips)
        spatial, temporal = model.attention_maps(clips)
    grid = (image_size[0] // 16, image_size[1] // 16)
    assert output.pooled.shape == output.embedding.shape == (2, 128)
    assert output.logits.shape == (2, 5)
    assert spatial.shape == temporal.shape == (2, frames, *grid)
    assert all(part.isfinite().all() for part in output)


@pytest.mark.parametrize(("gate", "stride"), [("conv2_x", 4), ("conv3_x", 8), ("conv4_x", 16)])
@pytest.mark.parametrize("fusion", ["official", "sum"])
@pytest.mark.parametrize("backbone2d", ["resnet50", "resnet50_ibn_a"])
def test_gate_fusion_and_norm_are_options_and_all_of_it_learns(
    tiny: Callable[..., STCA], gate: str, stride: int, fusion: str, backbone2d: str
) -> None:
    model = tiny(gate=gate, fusion=fusion, backbone2d=backbone2d, image_size=(64, 32)).train()
    clips = torch.randn(3, 2, 3, 64, 32)
    output = model(clips)
    F.cross_entropy(output.logits, torch.tensor([0, 1, 2])).backward()
    assert model.grid == (64 // stride, 32 // stride)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    assert len(model.stream3d.channels) == {4: 1, 8: 2, 16: 3}[stride]


def slow_features(model: STCA, clips: Tensor) -> Tensor:
    """Figure 2, one frame at a time, in evaluation mode."""
    rows = []
    for clip in clips:
        temporal = model.stream3d(clip.transpose(0, 1)[None])[0]
        temporal = sum(temporal[:, t] for t in range(temporal.shape[1])) / temporal.shape[1]
        vectors = []
        for frame in clip:
            spatial = model.stream2d.stages(model.stream2d.stem(frame[None]), 1, model.stage)[0]
            maps = model.attention(spatial.flatten(1)[None], temporal.flatten(1)[None])
            gate_s, gate_t = (1 + each.reshape(1, *model.grid) for each in maps)
            fused = spatial * gate_s + temporal * gate_t
            if model.fusion == "official":
                fused = fused + spatial
                fused = fused / fused.square().sum(0).sqrt().clamp_min(1e-12)
            out = model.stream2d.stages(fused[None], model.stage + 1, 4)[0]
            vectors.append(out.flatten(1).mean(dim=1))
        rows.append(sum(vectors) / len(vectors))
    return torch.stack(rows)


@pytest.mark.parametrize(
    "options", [{}, {"fusion": "sum"}, {"gate": "conv3_x"}, {"gate": "conv2_x", "backbone2d": "resnet50"}]
)
def test_features_are_those_of_a_loop_over_clips_and_frames(
    tiny: Callable[..., STCA], options: dict[str, Any]
) -> None:
    model = tiny(**options)
    clips = torch.randn(2, 3, 3, 32, 16)
    with torch.inference_mode():
        pooled, expected = model(clips).pooled, slow_features(model, clips)
    torch.testing.assert_close(pooled, expected, rtol=1e-4, atol=1e-5)


def test_attention_maps_sum_to_the_positions_and_one(tiny: Callable[..., STCA]) -> None:
    model = tiny(image_size=(64, 48))
    with torch.inference_mode():
        spatial, temporal = model.attention_maps(torch.randn(2, 3, 3, 64, 48))
    for gates in (spatial, temporal):
        assert (gates >= 1).all()
        torch.testing.assert_close(gates.sum(dim=(2, 3)), torch.full((2, 3), 4 * 3 + 1.0))


def test_clips_do_not_see_each_other_in_evaluation(tiny: Callable[..., STCA]) -> None:
    model = tiny()
    clips = torch.randn(3, 2, 3, 32, 16)
    with torch.inference_mode():
        together, alone = model(clips).embedding, torch.cat([model(clip[None]).embedding for clip in clips])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_order_of_frames_matters_to_the_3d_stream(tiny: Callable[..., STCA]) -> None:
    model = tiny()
    clips = torch.randn(1, 4, 3, 32, 16)
    with torch.inference_mode():
        assert not torch.allclose(model(clips).pooled, model(clips.flip(1)).pooled, rtol=1e-3)


@pytest.mark.parametrize(
    ("image_size", "hint"),
    [((250, 125), "256x128"), ((128, 60), "128x64"), ((0, 16), "16x16"), ((-32, 16), "16x16")],
)
def test_a_size_that_16_does_not_divide_is_named_with_the_nearest_that_fits(
    image_size: tuple[int, int], hint: str
) -> None:
    with pytest.raises(ConfigError, match="multiples of 16") as caught:
        create_model("stca_small", num_ids=2, image_size=image_size)
    assert caught.value.found == f"{image_size[0]}x{image_size[1]}"
    assert caught.value.hint == hint


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ({"gate": "conv5_x"}, ("conv2_x", "conv3_x", "conv4_x")),
        ({"fusion": "product"}, ("official", "sum")),
        ({"backbone2d": "resnet"}, ("resnet50_ibn_a", "resnet50", "se_resnet50")),
        ({"backbone3d": "os:system"}, ("resnet3d_50", "i3d_resnet50", "c3d")),
        ({"pooling": "max"}, ("mean", "attention", "lstm")),
    ],
)
def test_an_unknown_part_lists_the_valid_ones(options: dict[str, str], valid: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        create_model("stca_small", num_ids=2, **options)
    assert all(each in str(caught.value.expected) for each in valid)
    assert str(*options.values()) in str(caught.value.found)


@pytest.mark.parametrize(
    "shape", [(2, 2, 3, 16, 32), (2, 2, 3, 64, 32), (2, 2, 1, 32, 16), (2, 3, 32, 16), (2, 3, 2, 32, 16)]
)
def test_clips_of_another_shape_are_refused_with_the_right_one(
    tiny: Callable[..., STCA], shape: tuple[int, ...]
) -> None:
    model = tiny()
    with pytest.raises(ConfigError, match=r"\(B, T, 3, 32, 16\)") as caught:
        model.check_clips(torch.zeros(shape))
    assert caught.value.found == shape
