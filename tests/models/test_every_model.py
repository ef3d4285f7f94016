"""One sweep over all models and their parts: each trains, embeds one frame or many, comes back from disk."""

import itertools
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from stca.analysis import measure_complexity
from stca.errors import ConfigError
from stca.losses import ReIDObjective
from stca.models import MODELS, PEERS, ReIDModel, create_model, load_model, save_model
from stca.models.backbones.create import BACKBONES_2D, BACKBONES_3D
from stca.models.cross_attention import AttentionMaps
from stca.models.spatial_pooling import SPATIAL_POOLINGS
from stca.models.temporal_pooling import POOLINGS

FULL = ("stca", "cnn2d", "cnn3d", "concat", "sum")
TINY = {"width": 4, "layers": (1, 1, 1, 1), "image_size": (32, 16)}
PARTS = {
    "backbone2d": BACKBONES_2D,
    "backbone3d": BACKBONES_3D,
    "space": SPATIAL_POOLINGS,
    "pooling": POOLINGS,
}

LACKING = {"cnn2d": ("backbone3d",), "cnn3d": ("backbone2d", "space", "pooling"), "concat": ("space",)}


def variants() -> list[object]:
    """Every model with every choice of each of its parts, for `parametrize`.

    Slow in their sum only are other parts than the usual ones in `concat` and `sum`: each is in a fast test of
    `stca`, which fuses the same two streams.
    """
    found: list[object] = []
    for name in FULL:
        lacking = LACKING.get(name, ())
        for part in (each for each in PARTS if each not in lacking):
            found += [
                pytest.param(name, {part: choice}, marks=[pytest.mark.slow] * (name in ("concat", "sum")))
                for choice in PARTS[part]
            ]
    found += [(name, {}) for name in ("concat", "sum")]
    found += [("stca", {"gate": gate}) for gate in ("conv2_x", "conv3_x")]
    found += [(name, {"fusion": fusion}) for name in ("stca", "sum") for fusion in ("official", "sum")]
    return found


def make(name: str, options: dict[str, object]) -> ReIDModel:
    torch.manual_seed(0)
    return create_model(name, num_ids=4, **{**TINY, **options})


def seen(model: ReIDModel, clips: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(clips).embedding


@pytest.mark.parametrize(("name", "options"), variants(), ids=str)
def test_it_learns_and_embeds_and_comes_back(name: str, options: dict[str, object], tmp_path: Path) -> None:
    model = make(name, options)
    objective = ReIDObjective(4, model.embedding_dim)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    clips, ids = torch.randn(8, 4, 3, 32, 16), torch.arange(4).repeat_interleave(2)
    losses = []
    for _ in range(6):
        output = model.train()(clips)
        loss = objective(output.pooled, output.logits, ids).total
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss))
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
    assert losses[-1] < losses[0]

    for frames in (1, 3):
        several = torch.randn(3, frames, 3, 32, 16)
        vectors = seen(model, several)
        assert vectors.shape == (3, model.embedding_dim)
        alone = torch.cat([seen(model, clip[None]) for clip in several])
        torch.testing.assert_close(vectors, alone, rtol=1e-4, atol=1e-5)

    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert again.spec == model.spec
    torch.testing.assert_close(seen(again, clips), seen(model, clips), rtol=0, atol=0)

    cost = measure_complexity(model, (1, 2, 3, 32, 16))
    assert cost.parameters == sum(p.numel() for p in model.parameters())
    assert cost.multiply_adds > 0


@pytest.mark.parametrize(("name", "options"), variants(), ids=str)
def test_training_in_bf16_on_a_cpu_has_the_gradients_of_float32(
    name: str, options: dict[str, object]
) -> None:
    model = make(name, {"image_size": (64, 32), **options}).train()
    clips = torch.randn(8, 8, 3, 64, 32)
    wanted = {}
    for bf16 in (False, True):
        model.zero_grad()
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            features = model.features(clips)
        F.cross_entropy(model.head(features.float()).logits, torch.arange(4).repeat(2)).backward()
        found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        wanted.setdefault("float32", found.clone())
    # Rounding through batch norms of 8 clips is rough, more so through MobileNet's 52 of them; the fault of bf16
    # convolutions gives cosines near 0.
    least = 0.4 if "mobilenet" in str(options) else 0.8
    assert F.cosine_similarity(found, wanted["float32"], dim=0) > least


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        # Published: ResNet-50 25.56 M, of them 2,049,000 the classifier; SE adds 2.53 M; I3D ResNet-50 28.04 M,
        # of them 819,600 the classifier. C3D's kernels by hand, and two numbers per channel of batch norm.
        ("cnn2d", {"backbone2d": "resnet50"}, 23_508_032),
        ("cnn2d", {"backbone2d": "resnet50_ibn_a"}, 23_508_032),
        ("cnn2d", {"backbone2d": "se_resnet50"}, 23_508_032 + 2_530_992),
        ("cnn3d", {"backbone3d": "i3d_resnet50"}, 27_223_872),
        ("cnn3d", {"backbone3d": "c3d"}, 27_653_184 + 2 * (64 + 128 + 2 * 256 + 4 * 512)),
        ("stca", {}, 41_873_106 - 1_284_096),
    ],
)
def test_full_size_trunks_have_the_published_number_of_parameters(
    name: str, options: dict[str, object], parameters: int
) -> None:
    with torch.device("meta"):
        model = create_model(name, num_ids=625, **options)
    assert sum(p.numel() for key, p in model.named_parameters() if not key.startswith("head.")) == parameters


def test_concat_is_its_two_streams_side_by_side_and_sum_adds_them() -> None:
    clips = torch.randn(2, 4, 3, 32, 16)
    concat = make("concat", {}).eval()
    alone2d, alone3d = make("cnn2d", {}).eval(), make("cnn3d", {}).eval()
    alone2d.stream2d.load_state_dict(concat.stream2d.state_dict())
    alone3d.stream3d.load_state_dict(concat.stream3d.state_dict())
    with torch.inference_mode():
        both = torch.cat((alone2d.features(clips), alone3d.features(clips)), dim=1)
        torch.testing.assert_close(concat.features(clips), both)

        for fusion in ("sum", "official"):
            model = make("sum", {"fusion": fusion}).eval()
            temporal = model.stream3d(clips.transpose(1, 2)).mean(dim=2)
            rows = []
            for clip, moving in zip(clips, temporal, strict=True):
                vectors = []
                for frame in clip:
                    still = model.stream2d.stages(model.stream2d.stem(frame[None]), 1, 3)[0]
                    fused = still + moving
                    if fusion == "official":
                        fused = fused + still
                        fused = fused / fused.square().sum(dim=0).sqrt()
                    vectors.append(model.stream2d.stages(fused[None], 4, 4)[0].mean(dim=(1, 2)))
                rows.append(sum(vectors) / len(vectors))
            torch.testing.assert_close(model.features(clips), torch.stack(rows), rtol=1e-4, atol=1e-5)


def test_stca_without_attention_is_the_sum_of_the_same_fusion() -> None:
    clips = torch.randn(2, 2, 3, 32, 16)
    for fusion in ("sum", "official"):
        stca, plain = make("stca", {"fusion": fusion}).eval(), make("sum", {"fusion": fusion}).eval()
        plain.load_state_dict({k: v for k, v in stca.state_dict().items() if not k.startswith("attention")})
        stca.attention.forward = lambda frame, _: AttentionMaps(*[frame.new_zeros(frame.shape[::2])] * 2)
        with torch.inference_mode():
            torch.testing.assert_close(stca.features(clips), plain.features(clips))


@pytest.mark.parametrize("name", ["cnn2d", "concat", "stca", "sum"])
def test_frame_maps_are_what_the_mean_over_space_is_taken_of(name: str) -> None:
    model, clips = make(name, {}).eval(), torch.randn(2, 3, 3, 32, 16)
    with torch.inference_mode():
        maps = model.frame_maps(clips)
        assert maps.shape == (2, 3, 128, 2, 1)
        pooled = maps.mean(dim=(1, 3, 4))
        torch.testing.assert_close(pooled, model.features(clips)[:, :128])


def test_models_without_a_2d_stream_say_so() -> None:
    for model in (make("cnn3d", {}), create_model("colour_histogram", num_ids=1, image_size=(32, 16))):
        with pytest.raises(ConfigError, match="no 2D feature maps"):
            model.frame_maps(torch.zeros(1, 2, 3, 32, 16))


@pytest.mark.parametrize("kind", sorted(BACKBONES_3D))
def test_3d_streams_fit_the_2d_stream_at_every_gate(kind: str) -> None:
    for gate, frames in itertools.product(("conv2_x", "conv3_x", "conv4_x"), (1, 2, 5, 8)):
        model = make("stca", {"backbone3d": kind, "gate": gate}).eval()
        assert seen(model, torch.randn(1, frames, 3, 32, 16)).shape == (1, 128)


def test_the_inflated_network_sees_time_where_it_should() -> None:
    with torch.device("meta"):
        stream = BACKBONES_3D["i3d_resnet50"](layers=(3, 4, 6, 3), width=64)
    in_time = {
        stage: [
            block.conv1.kernel_size[0] == 3
            for block in stream.get_submodule(f"layer{stage}")
            if hasattr(block, "conv1")
        ]
        for stage in range(1, 5)
    }
    assert in_time[1] == [True, True, True]
    assert in_time[2] == [True, False, True, False]
    assert in_time[3] == [True, False, True, False, True, False]
    assert in_time[4] == [False, True, False]


def test_a_small_model_is_the_full_one_with_other_defaults() -> None:
    for name in FULL:
        small = create_model(f"{name}_small", num_ids=2)
        assert type(small) is type(make(name, {}))
        assert (small.image_size, small.clip_len) == ((128, 64), 4)
        assert sum(p.numel() for p in small.parameters()) < 2_000_000
    others = {"colour_histogram", "cnn2d_mobile", "stca_mobile"}
    assert set(MODELS) == {*FULL, *(f"{name}_small" for name in FULL), *others, *PEERS}
