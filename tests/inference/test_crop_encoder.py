"""Single crops to vectors, for tracking."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stca.embedding import embed_tracklets
from stca.errors import ConfigError
from stca.footage.images import write_jpeg
from stca.inference.crop_encoder import open_crop_encoder
from stca.models import create_model
from stca.runs import open_model
from stca.tracking.appearance import CropEncoder
from stca.tracklets import Tracklet


@pytest.fixture
def crops(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number:06d}.jpg" for number in range(5)]
    for path in paths:
        write_jpeg(path, rng.integers(0, 255, (60, 30, 3), np.uint8))
    return paths


@pytest.mark.parametrize("name", ["colour_histogram", "clips"])
def test_a_crop_is_a_tracklet_of_one_picture(name: str, crops: list[Path]) -> None:
    torch.manual_seed(0)
    if name == "clips":
        model = create_model("cnn2d_small", num_ids=2, image_size=(64, 32), pooling="consensus", clip_len=4)
        assert not model.frame_by_frame
    else:
        model = open_model(name)
    with open_crop_encoder(model, "a name", device="cpu", precision="float32", batch_size=2) as encoder:
        assert isinstance(encoder, CropEncoder)
        assert encoder.name == "a name"
        found = encoder(crops)
    alone = [Tracklet((path,), 0, 0, path.name) for path in crops]
    expected = embed_tracklets(model, alone, device="cpu", precision="float32", workers=0)
    np.testing.assert_allclose(found, expected.vectors, rtol=1e-4, atol=1e-5)


def test_int8_is_refused() -> None:
    with (
        pytest.raises(ConfigError, match="int8"),
        open_crop_encoder(open_model("colour_histogram"), "a name", device="cpu", precision="int8"),
    ):
        pass
