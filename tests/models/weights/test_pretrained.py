from pathlib import Path

import pytest
import torch

import stca.models
from stca.errors import ConfigError
from stca.models import PRETRAINED, load_pretrained


def test_the_package_has_a_trained_network() -> None:
    model = load_pretrained()
    assert (model.spec.name, model.image_size, model.clip_len) == ("stca_small", (128, 64), 4)
    assert not model.training
    assert sum(path.stat().st_size for path in PRETRAINED.values()) < 5_000_000
    with torch.inference_mode():
        assert torch.isfinite(model(torch.randn(1, 4, 3, 128, 64)).embedding).all()


def test_another_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match="stca_small"):
        load_pretrained("stca_smal")


def test_the_weights_travel_with_the_package() -> None:
    package = Path(stca.models.__file__).parent
    assert PRETRAINED
    assert all(path.is_relative_to(package) for path in PRETRAINED.values())
