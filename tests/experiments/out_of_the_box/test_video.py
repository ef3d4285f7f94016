"""Damaged clips, and a pooling over time that learns which frames to trust."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.damaged import score
from experiments.out_of_the_box.pictures.clips import damage, make_clip, walk
from experiments.out_of_the_box.pictures.material import Material
from experiments.out_of_the_box.train_video import learn_pooling, look, with_pooling

from stca.models import create_model
from stca.models.temporal_pooling import TemporalAttention


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(0)
    crops = tuple(rng.integers(0, 256, (100, 40, 3), dtype=np.uint8) for _ in range(4))
    return Material({"people": crops}, (rng.integers(0, 256, (90, 200, 3), dtype=np.uint8),))


def test_clips_depend_on_seed_and_number_and_only_damaged_frames_differ(material: Material) -> None:
    counts = set()
    for index in range(12):
        clip = make_clip(material, seed=1, index=index, frames=6)
        again = make_clip(material, seed=1, index=index, frames=6)
        assert all(np.array_equal(a, b) for a, b in zip(clip, again, strict=True))
        changed = (clip.clean != clip.seen).any(axis=(1, 2, 3))
        assert np.array_equal(changed, clip.damaged)
        counts.add(int(clip.damaged.sum()))
    assert 0 in counts or 1 in counts
    assert max(counts) <= 5
    assert len(counts) > 3


def test_a_walk_stays_with_the_person_and_damage_does_not(material: Material) -> None:
    rng = np.random.default_rng(0)
    smooth = np.tile(np.linspace(0, 255, 256, dtype=np.uint8)[:, None, None], (1, 128, 3))
    frames = walk(rng, smooth, 4)
    assert frames.shape == (4, 256, 128, 3)
    near = np.abs(frames.astype(int) - smooth).mean(axis=(1, 2, 3))
    assert near.max() < 15
    assert len({frame.tobytes() for frame in frames}) == 4
    noisy = np.asarray(rng.integers(0, 256, (256, 128, 3)), np.uint8)
    far = [np.abs(damage(rng, noisy, material).astype(int) - noisy).mean() for _ in range(12)]
    assert min(far) > 15


def clips_with_marked_damage(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of which the damaged ones are another person's and carry a mark in their first number."""
    person = torch.randn(number, 1, 16)
    clean = person + 0.1 * torch.randn(number, 8, 16)
    clean[..., 0] = 0
    damaged = torch.rand(number, 8) < 0.4
    wrong = torch.randn(number, 8, 16)
    wrong[..., 0] = 2
    return torch.where(damaged[..., None], wrong, clean), clean.mean(dim=1)


def test_the_pooling_starts_as_the_mean_and_learns_to_leave_damage_out() -> None:
    torch.manual_seed(0)
    seen, targets = clips_with_marked_damage(400)
    start = learn_pooling(seen, targets, steps=0)
    torch.testing.assert_close(start(seen), seen.mean(dim=1))
    learnt = learn_pooling(seen, targets, steps=400)
    fresh, wanted = clips_with_marked_damage(200)
    before = F.cosine_similarity(fresh.mean(dim=1), wanted).mean()
    after = F.cosine_similarity(learnt(fresh), wanted).mean()
    assert after > 0.5 * (1 + before)


def test_the_video_network_is_the_frame_network_with_another_mean(material: Material) -> None:
    torch.manual_seed(0)
    model = create_model("cnn2d_mobile", num_ids=1).eval()
    clip = make_clip(material, seed=1, index=0)
    seen, target = look(model, clip)
    assert seen.shape == (1, 8, 256)
    assert target.shape == (1, 256)
    pooling = TemporalAttention(256)
    torch.nn.init.zeros_(pooling.score.weight)
    torch.nn.init.zeros_(pooling.score.bias)
    video = with_pooling(model, pooling)
    clips = torch.randn(2, 4, 3, 128, 64)
    with torch.no_grad():
        torch.testing.assert_close(video(clips).embedding, model(clips).embedding, rtol=1e-4, atol=1e-4)


def test_scores_are_of_rows_that_belong_together() -> None:
    answers = torch.eye(5)
    found = score(answers + 0.01, answers)
    assert (found.cmc[0], found.mean_ap, found.num_queries) == (1, 1, 5)
    assert score(answers.roll(1, dims=0), answers).cmc[0] == 0
