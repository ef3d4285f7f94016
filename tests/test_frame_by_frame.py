"""Models that see frames one by one compute every frame once, and give the same vectors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colour_network import write_colour_network
from stca.clips import Transform, decode_clip, normalise, sample_clips
from stca.embedding import embed_tracklets
from stca.models import ImageNetwork, ImageReID, ReIDModel, create_model
from stca.models.distinct_frames import distinct_frames
from stca.tracklets import Tracklet

LENGTHS = (1, 2, 8, 9, 13)
SIZE = (32, 16)


@pytest.fixture(scope="module")
def tracklets(tmp_path_factory: pytest.TempPathFactory) -> list[Tracklet]:
    """Tracklets of several lengths, the last but one with a frame that comes three times."""
    root, rng, made = tmp_path_factory.mktemp("frames"), np.random.default_rng(0), []
    for number, length in enumerate(LENGTHS):
        paths = []
        for frame in range(length):
            pixels = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
            if number == 3 and frame in (2, 7):
                pixels = np.array(Image.open(paths[0]))
            paths.append(root / f"{number}_{frame:02}.png")
            Image.fromarray(pixels).save(paths[-1])
        made.append(Tracklet(tuple(paths), number, 0, f"t{number}"))
    return made


def image_reid(folder: Path) -> ReIDModel:
    matrix = np.random.default_rng(1).normal(size=(3, 12)).astype(np.float32)
    return ImageReID(write_colour_network(folder / "net.onnx", matrix, size=SIZE))


def cnn2d(folder: Path) -> ReIDModel:
    torch.manual_seed(0)
    model = create_model("cnn2d_small", num_ids=2, image_size=SIZE, width=4, layers=(1, 1, 1, 1), clip_len=8)
    with torch.no_grad():
        model.train()(torch.randn(8, 2, 3, *SIZE))  # statistics that are not trivial
    return model


def osnet(folder: Path) -> ReIDModel:
    torch.manual_seed(0)
    return ImageNetwork(architecture="osnet_x0_25", image_size=SIZE)


MODELS = {"image_reid": image_reid, "cnn2d": cnn2d, "osnet": osnet}


def by_clips(model: ReIDModel, tracklets: list[Tracklet], clip_len: int) -> np.ndarray:
    """The mean over a tracklet's dense clips, every clip with its repeated frames."""
    rows = []
    for tracklet in tracklets:
        clips = [
            decode_clip(tracklet, frames, Transform(SIZE)).frames
            for frames in sample_clips(len(tracklet), clip_len, mode="dense")
        ]
        with torch.inference_mode():
            rows.append(
                model.eval()(normalise(torch.from_numpy(np.stack(clips)))).embedding.mean(dim=0).numpy()
            )
    return np.stack(rows)


def counted(model: ReIDModel) -> list[int]:
    """Grows by the number of pictures of every forward pass."""
    seen: list[int] = []
    if isinstance(model, ImageReID):
        run = model._run
        model._run = lambda pictures: (seen.append(len(pictures)), run(pictures))[1]  # type: ignore[assignment]
    else:
        network: Any = model.network if hasattr(model, "network") else model.stream2d
        stem = network.conv1 if hasattr(network, "conv1") else network.stem[0]
        stem.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    return seen


@pytest.mark.parametrize("clip_len", [3, 8])
@pytest.mark.parametrize("name", MODELS)
def test_every_frame_is_computed_once_with_the_same_result(
    tracklets: list[Tracklet], tmp_path: Path, name: str, clip_len: int
) -> None:
    model = MODELS[name](tmp_path)
    wanted = by_clips(model, tracklets, clip_len)
    seen = counted(model)
    found = embed_tracklets(model, tracklets, clip_len=clip_len, device="cpu", workers=0, label="")
    np.testing.assert_allclose(found.vectors, wanted, rtol=1e-4, atol=1e-5)
    assert sum(seen) == sum(LENGTHS) - 2, "two frames are copies of another"


def test_a_tracklet_of_one_picture_is_one_picture(tracklets: list[Tracklet], tmp_path: Path) -> None:
    model = image_reid(tmp_path)
    seen = counted(model)
    embed_tracklets(model, tracklets[:1], device="cpu", workers=0, label="")
    assert seen == [1]


def test_equal_frames_within_a_clip_are_computed_once(tmp_path: Path) -> None:
    model = image_reid(tmp_path)
    seen = counted(model)
    frames = torch.rand(3, 3, *SIZE)
    clip = frames[[0, 1, 0, 2, 1, 0]][None]
    found = model(clip).embedding
    assert seen == [3]
    single = torch.cat([model(frames[[n]][None]).embedding for n in range(3)])
    torch.testing.assert_close(found[0], (3 * single[0] + 2 * single[1] + single[2]) / 6)


def test_models_of_whole_clips_still_get_clips(tracklets: list[Tracklet]) -> None:
    torch.manual_seed(0)
    model = create_model("stca_small", num_ids=2, image_size=SIZE, width=4, layers=(1, 1, 1, 1), clip_len=4)
    found = embed_tracklets(model, tracklets, device="cpu", workers=0, label="")
    np.testing.assert_allclose(found.vectors, by_clips(model, tracklets, 4), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [lambda x: x, lambda x: x + 1e-3, lambda x: -x])
def test_frames_are_equal_where_every_value_is(change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    frames = torch.rand(2, 3, 64, 32)
    other = frames.clone()
    other[1, 2, 63, 31] = change(other[1, 2, 63, 31])  # none of the values that are compared first
    first, kinds = distinct_frames(torch.cat([frames, other]))
    same = torch.equal(frames, other)
    assert first.tolist() == ([0, 1] if same else [0, 1, 3])
    assert kinds.tolist() == ([0, 1, 0, 1] if same else [0, 1, 0, 2])
