import os
from pathlib import Path

import pytest
import torch

import stca.models
from stca.datasets import load_dataset
from stca.embedding import embed_tracklets
from stca.errors import ConfigError
from stca.models import DEFAULT_PRETRAINED, PRETRAINED, load_pretrained
from stca.ranking import rank


@pytest.mark.parametrize(
    ("name", "clip_len", "size"),
    [(None, 8, (192, 96)), ("cnn2d_mobile", 8, (192, 96)), ("stca_small", 4, (128, 64))],
    ids=["default", "mobile", "small"],
)
def test_the_package_has_trained_networks(name: str | None, clip_len: int, size: tuple[int, int]) -> None:
    model = load_pretrained(name) if name else load_pretrained()
    assert (model.spec.name, model.image_size) == (name or DEFAULT_PRETRAINED, size)
    assert model.clip_len == clip_len
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    with torch.inference_mode():
        assert torch.isfinite(model(torch.randn(1, 4, 3, *size)).embedding).all()


def test_together_they_are_small() -> None:
    assert sum(path.stat().st_size for path in PRETRAINED.values()) < 12_000_000


def test_the_default_knows_real_people() -> None:
    """Far from the figures of the model card; far from chance, and from what synthetic people teach."""
    place = Path(os.environ.get("STCA_SHARED", "../shared")) / "reid_sets" / "viper"
    if not place.is_dir():
        pytest.skip(f"no {place}")
    splits = load_dataset("folder", place)
    persons = sorted({t.person_id for t in splits.gallery})[::8]
    chosen = [t for t in splits.gallery if t.person_id in persons]
    vectors = embed_tracklets(load_pretrained(), chosen, workers=0, label="", clip_len=1, runtime="torch")
    found = rank(vectors, vectors, protocol="cross-camera")
    assert found.num_queries == 2 * len(persons) == 158
    assert found.mean_ap > 0.3, "by chance about 0.02"


def test_another_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match="stca_small"):
        load_pretrained("stca_smal")


def test_the_weights_travel_with_the_package() -> None:
    package = Path(stca.models.__file__).parent
    assert PRETRAINED
    assert all(path.is_relative_to(package) for path in PRETRAINED.values())
