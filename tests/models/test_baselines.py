import numpy as np
import torch

from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models import create_model


def clips_of(pixels: np.ndarray) -> torch.Tensor:
    """(B, T, H, W, 3) between 0 and 1 -> clips."""
    scaled = (pixels - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    return torch.from_numpy(scaled).float().movedim(-1, 2)


def test_the_histogram_is_that_of_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    level = rng.integers(0, 4, (2, 2, 16, 8, 3))  # in the middle of four bins, so that rounding cannot matter
    model = create_model("colour_histogram", num_ids=0, image_size=(16, 8), stripes=3, bins=4)
    expected = np.zeros((2, 3, 4, 4, 4))
    for clip, frame, row, column in np.ndindex(2, 2, 16, 8):
        r, g, b = level[clip, frame, row, column]
        expected[clip, row * 3 // 16, r, g, b] += np.exp(-2 * np.linspace(-1, 1, 8)[column] ** 2)
    expected = np.sqrt(expected.reshape(2, -1) / expected.reshape(2, -1).sum(axis=1, keepdims=True))
    found = model(clips_of((level + 0.5) / 4)).embedding.numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_vectors_have_length_one_and_white_and_black_stay_in_range() -> None:
    model = create_model("colour_histogram", num_ids=0, image_size=(12, 6))
    black_and_white = np.stack([np.zeros((2, 12, 6, 3)), np.ones((2, 12, 6, 3))])
    vectors = model(clips_of(black_and_white)).embedding
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    assert vectors[0] @ vectors[1] == 0
    assert not list(model.parameters())
    assert not model.trainable
