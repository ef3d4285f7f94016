"""Parts of a cosine: they add up to it, and each is what an obvious computation says."""

import numpy as np
import pytest
import torch

from stca.analysis.contributions import contributions
from stca.inference.vectors import VectorNet
from stca.models import create_model
from stca.models.image_network import ImageNetwork

SMALL = {"image_size": (64, 32)}


def build(name: str, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    model = create_model(name, num_ids=3, **SMALL, **options)
    for module in model.modules():  # as after training: no norm is the identity
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(std=0.1)
    return model.eval()


def clips(count: int = 2, frames: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, frames, 64, 32, 3)).astype(np.uint8)


MODELS = {
    "mean": lambda: build("cnn2d_small"),
    "attention": lambda: build("cnn2d_small", pooling="attention"),
    "consensus": lambda: build("cnn2d_small", pooling="consensus", space="weights"),
    "mobile": lambda: build("cnn2d_mobile"),
    "stca": lambda: build("stca_small"),
    "sum": lambda: build("sum_small", pooling="attention"),
    "lstm": lambda: build("cnn2d_small", pooling="lstm"),
    "concat": lambda: build("concat_small"),
    "cnn3d": lambda: build("cnn3d_small"),
    "colours": lambda: build("colour_histogram"),
    "image": lambda: ImageNetwork(architecture="osnet_x0_25", image_size=(64, 32)).eval(),
}
DETAIL = dict.fromkeys(("mean", "attention", "consensus", "mobile", "stca", "sum"), "places")
DETAIL |= {"image": "frames", "lstm": "clips", "concat": "clips", "cnn3d": "clips", "colours": "clips"}


@pytest.mark.parametrize("neck", ["after", "before"])
@pytest.mark.parametrize("name", list(MODELS))
def test_the_parts_add_up_to_the_cosine_of_the_vectors(name: str, neck: str) -> None:
    model, frames = MODELS[name](), clips()
    other = np.random.default_rng(1).normal(size=model.embedding_dim).astype(np.float32)
    found = contributions(model, frames, 3 * other, neck=neck)
    with torch.inference_mode():
        vector = VectorNet(model, neck=neck)(torch.from_numpy(frames)).mean(dim=0).numpy()
    cosine = vector @ other / np.linalg.norm(vector) / np.linalg.norm(other)
    assert found.cosine == pytest.approx(cosine, abs=2e-5)
    assert found.frames.sum() + found.constant == pytest.approx(cosine, abs=2e-5)
    assert found.detail == DETAIL[name]
    assert (found.gates is not None) == (name == "stca")
    assert (found.places is not None) == (DETAIL[name] == "places")
    if found.places is not None:
        assert np.allclose(found.places.sum(axis=(2, 3)), found.frames, atol=1e-5)


@pytest.mark.parametrize("space", ["mean", "weights"])
def test_a_places_part_is_the_vector_of_a_map_with_that_place_only(space: str) -> None:
    model, frames = build("cnn2d_small", space=space), clips(1, 3)
    other = np.random.default_rng(1).normal(size=model.embedding_dim).astype(np.float32)
    found = contributions(model, frames, other)
    from stca.clips import normalise

    with torch.inference_mode():
        maps = model.frame_maps(normalise(torch.from_numpy(frames)))
        unit = torch.from_numpy(other / np.linalg.norm(other))
        empty = model.head.norm(model.pooling(model.space(torch.zeros_like(maps))))[0]
        whole = model.head.norm(model.pooling(model.space(maps)))[0]
        for frame, row, column in ((0, 0, 0), (1, 2, 1), (2, 3, 0)):
            alone = torch.zeros_like(maps)
            alone[0, frame, :, row, column] = maps[0, frame, :, row, column]
            vector = model.head.norm(model.pooling(model.space(alone)))[0]
            part = float((vector - empty) @ unit / whole.norm())
            assert found.places[0, frame, row, column] == pytest.approx(part, abs=1e-6)


def test_a_frames_part_is_what_its_own_vector_adds() -> None:
    model, frames = MODELS["image"](), clips(1, 3)
    other = np.random.default_rng(1).normal(size=model.embedding_dim).astype(np.float32)
    found = contributions(model, frames, other)
    net = VectorNet(model)
    with torch.inference_mode():
        vectors = np.stack([net(torch.from_numpy(frames[:, [k]]))[0].numpy() for k in range(3)])
    expected = vectors @ other / np.linalg.norm(other) / 3 / np.linalg.norm(vectors.mean(axis=0))
    assert np.allclose(found.frames[0], expected, atol=1e-6)
