"""Damaged clips, and what is done to the vectors before they are shipped."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.damaged import (
    DAMAGED,
    POOLS,
    draw,
    look,
    score,
    score_all,
    score_clips,
    table,
)
from experiments.out_of_the_box.making.clips import Clip, damage, damage_clip, make_clip, walk
from experiments.out_of_the_box.making.material import Material
from experiments.out_of_the_box.ship import POWER, round_off
from experiments.out_of_the_box.teaching.loop import Trainee
from experiments.out_of_the_box.teaching.states import write_state
from experiments.out_of_the_box.teaching.student import SIZE, frame_vectors
from experiments.out_of_the_box.video.clip_lessons import load_walks
from experiments.out_of_the_box.video.learning import (
    clip_vectors,
    compare_clips,
    create_video_student,
    learn_mode,
    read_video_student,
)

from stca.footage.images import write_jpeg
from stca.models import create_model


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(0)
    crops = tuple(rng.integers(0, 256, (100, 40, 3), dtype=np.uint8) for _ in range(4))
    return Material({"people": crops}, (rng.integers(0, 256, (90, 200, 3), dtype=np.uint8),))


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


def test_only_the_frames_that_are_said_are_damaged(material: Material) -> None:
    clean = np.random.default_rng(0).integers(0, 256, (4, 256, 128, 3), dtype=np.uint8)
    damaged = np.array([True, False, False, True])
    clips = [damage_clip(np.random.default_rng(5), clean, damaged, material) for _ in range(2)]
    assert np.array_equal(clips[0].seen, clips[1].seen)
    assert np.array_equal((clips[0].seen != clean).any(axis=(1, 2, 3)), damaged)


def test_rounding_off_takes_spread_back_and_nothing_else(material: Material) -> None:
    torch.manual_seed(0)
    model = create_model("cnn2d_mobile", num_ids=1).eval()
    pictures = np.random.default_rng(0).integers(0, 256, (6, 256, 128, 3), dtype=np.uint8)
    before = frame_vectors(model, pictures)
    vectors = torch.randn(4000, 256) * torch.linspace(0.5, 4, 256) + 3
    round_off(model, vectors)
    after = frame_vectors(model, pictures)
    scale = torch.linspace(0.5, 4, 256).pow(-POWER)
    wanted = (before - 3) * scale
    assert F.cosine_similarity(after, wanted).min() > 0.97, "by directions that are next to the axes"


def test_scores_are_of_rows_that_belong_together() -> None:
    answers = torch.eye(5)
    found = score(answers + 0.01, answers)
    assert (found.cmc[0], found.mean_ap, found.num_queries) == (1, 1, 5)
    assert score(answers.roll(1, dims=0), answers).cmc[0] == 0


def test_the_table_is_of_the_same_clips_with_more_and_more_damage() -> None:
    rng = np.random.default_rng(0)
    people = [rng.integers(0, 256, (8, 4, 2, 3), dtype=np.uint8) for _ in range(6)]
    clips, gallery = [], []
    for person in people:
        damaged = np.isin(np.arange(8), (1, 3, 4, 7))
        seen = np.where(damaged[:, None, None, None], np.uint8(255), person)
        clips.append(Clip(person, seen, damaged))
        gallery.append(person)
    found = look(
        clips, gallery, lambda frames: torch.from_numpy(frames.reshape(len(frames), -1) - 128.0).float()
    )
    white = {n: (found.asked[n] == 127).all(dim=2).sum(dim=1).tolist() for n in DAMAGED}
    assert white == {n: [n] * 6 for n in DAMAGED}
    rows = score_all("made", found)
    assert [row.over_time for row in rows] == list(POOLS)
    assert all(row.metrics[0].cmc[0] == 1 for row in rows)
    printed = table(rows).splitlines()
    assert len(printed) == 2 + len(POOLS)
    assert printed[2].startswith("| made | mean | 100.0 (100-100) / 100.0 (100-100) |")
    assert len(draw(rows).axes) == 1
    whole = score_clips("made", clips, gallery, lambda frames: found_mean(frames))
    assert whole.metrics[0].cmc[0] == 1
    assert whole.metrics[0].mean_ap == rows[0].metrics[0].mean_ap


def found_mean(frames: np.ndarray) -> torch.Tensor:
    vectors = torch.from_numpy(frames.reshape(len(frames), -1) - 128.0).float()
    return F.normalize(vectors, dim=1).mean(dim=0)


def test_a_clip_is_always_the_same_and_keeps_clean_frames(material: Material) -> None:
    walks = [np.random.default_rng(3).integers(0, 256, (8, 256, 128, 3), dtype=np.uint8)]
    clips = [make_clip(material, walks, seed=1, index=index, frames=8) for index in (0, 1, 2, 3, 0)]
    assert np.array_equal(clips[0].seen, clips[4].seen)
    assert not np.array_equal(clips[0].clean, clips[1].clean)
    assert max(clip.damaged.sum() for clip in clips) <= 5
    for clip in clips:
        assert np.array_equal((clip.seen != clip.clean).any(axis=(1, 2, 3)), clip.damaged)


def test_people_who_walk_are_read_by_tracklet(tmp_path: Path) -> None:
    folder = tmp_path / "walks" / "bbox_train" / "0001"
    for camera, count in (("C1", 8), ("C2", 5)):
        for frame in range(1, count + 1):
            write_jpeg(
                folder / f"0001{camera}T0001F{frame:03d}.jpg", np.full((256, 128, 3), frame * 20, np.uint8)
            )
    (walk,) = load_walks(tmp_path)
    assert walk.shape == (8, 256, 128, 3)
    assert np.abs(walk.mean(axis=(1, 2, 3)) - 20 * np.arange(1, 9)).max() < 2, "in the order of time"


def test_stca_learns_on_top_of_a_frame_network_that_stays(tmp_path: Path) -> None:
    torch.manual_seed(0)
    frames = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    write_state(tmp_path / "state.safetensors", frames, 7)
    model = learn_mode(create_video_student(tmp_path / "state.safetensors"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainee = Trainee(model, tmp_path, rate=1e-3)
    clips = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 4, *SIZE, 3), dtype=np.uint8))
    vectors, single = clip_vectors(model, clips)
    assert (vectors.shape, single.shape) == ((3, 256), (3, 4, 256))
    wanted = torch.randn(3, 256)
    losses = trainee.descend(compare_clips(vectors, single, wanted), 1e-3)
    assert losses[0] == pytest.approx(losses[1] + 0.5 * losses[2] + 5 * losses[3], rel=1e-5)
    changed = {
        name.split(".")[0]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == {"stream3d", "project", "attention"}
    trainee.save()
    learnt, alone = read_video_student(tmp_path / "checkpoint.pt")
    read = clips[0].numpy()
    assert torch.allclose(frame_vectors(alone, read), frame_vectors(frames.eval(), read), atol=0.02)
    with torch.no_grad():
        assert clip_vectors(learnt, clips[:, :1])[0].shape == (3, 256), "a photo is a clip of one frame"


def test_nothing_is_lost_where_vectors_are_as_wanted() -> None:
    wanted = torch.randn(4, 256)
    total, *parts = compare_clips(2 * wanted, wanted[:, None].expand(4, 3, 256), wanted)
    assert max(abs(float(part)) for part in (total, *parts)) < 1e-5
