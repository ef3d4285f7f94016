import pytest
import torch

from stca.errors import ConfigError
from stca.models import MODELS, PEERS, STCA, ModelSpec, build_model, create_model


@pytest.mark.parametrize("name", sorted(MODELS.keys() - PEERS))
def test_every_model_maps_clips_to_vectors(name: str) -> None:
    options = {} if name == "colour_histogram" else {"width": 4, "layers": (1, 1, 1, 1)}
    model = create_model(name, num_ids=3, image_size=(32, 16), **options).eval()
    with torch.inference_mode():
        output = model(torch.randn(2, 3, 3, 32, 16))
    assert output.embedding.shape == output.pooled.shape == (2, model.embedding_dim)
    assert output.logits.shape == (2, 3 if model.trainable else 0)
    assert model.image_size == (32, 16)
    assert model.spec == ModelSpec(name, 3, (32, 16), options)


def test_models_have_the_sizes_they_are_meant_for() -> None:
    with torch.device("meta"):
        full, small = create_model("stca", num_ids=2), create_model("stca_small", num_ids=2)
    assert (full.image_size, full.clip_len) == ((384, 128), 8)
    assert (small.image_size, small.clip_len) == ((128, 64), 4)
    assert isinstance(full, STCA)
    assert isinstance(small, STCA)
    assert create_model("stca_small", num_ids=2, clip_len=6).clip_len == 6


def build(*, num_ids: int, image_size: tuple[int, int] = (16, 16)) -> STCA:
    return STCA(num_ids=num_ids, image_size=image_size, layers=(1, 1, 1, 1), width=4)


def test_a_model_may_come_from_anywhere() -> None:
    model = create_model(
        "stca.models.stca:STCA", num_ids=2, width=4, layers=(1, 1, 1, 1), image_size=(32, 16)
    )
    assert isinstance(model, STCA)
    assert model.spec.name == "stca.models.stca:STCA"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_unknown_option_lists_those_the_model_has(name: str) -> None:
    with pytest.raises(ConfigError, match=r"has no option 'clip_length'[\s\S]*num_ids[\s\S]*try: +clip_len$"):
        create_model(name, num_ids=2, clip_length=4)


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"colour_histogram, [a-z0-9_, ]*stca, stca_mobile, stca_small"):
        create_model("resnet", num_ids=2)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"width": "wide"},
        {"width": 10**9},
        {"layers": (1, 1, 1)},
        {"layers": (1, 1, 1, 1, 1)},
        {"layers": (1, 0, 1, 1)},
        {"layers": 3},
        {"stem_frames": 4},
        {"stem_frames": -1},
        {"temperature": 0.0},
        {"temperature": None},
        {"image_size": (32, "16")},
    ],
)
def test_values_that_make_no_model_are_named(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model("stca_small", num_ids=2, options=options)
    assert next(iter(options)) in str(caught.value)


def test_the_number_of_persons_is_no_option_and_a_model_must_be_one() -> None:
    with pytest.raises(ConfigError, match="num_ids is no option"):
        build_model("stca_small", num_ids=2, options={"num_ids": 3})
    with pytest.raises(ConfigError, match=r"no model[\s\S]*found: +int"):
        create_model(f"{__name__}:no_model", num_ids=2)


def no_model(*, num_ids: int) -> int:
    return num_ids
