from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stca.clips import Transform, decode_clip, normalise
from stca.clips.transforms import ENLARGE, Draw
from stca.tracklets import Tracklet

SIZE = (32, 16)


@pytest.fixture
def still(make_tracklet: Callable[..., Tracklet]) -> Tracklet:
    """A tracklet whose frames are all the same picture."""
    tracklet = make_tracklet(6)
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    for path in tracklet.frames:
        Image.fromarray(picture).save(path, "PNG")  # a PNG under a JPEG's name, so that no pixel changes
    return tracklet


@given(seed=st.integers(0, 2**32))
def test_windows_lie_inside_the_image_and_have_the_right_size(seed: int) -> None:
    for draw in Transform(SIZE, flip=0.5, crop=0.8, per_frame=True).draws(8, np.random.default_rng(seed)):
        left, top, right, bottom = draw.window
        assert 0 <= left < right <= 1 + 1e-12
        assert 0 <= top < bottom <= 1 + 1e-12
        side = right - left
        assert side == pytest.approx(1) or side == pytest.approx(1 / ENLARGE)
        assert bottom - top == pytest.approx(side)


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_flips_and_crops_come_as_often_as_asked(chance: float) -> None:
    rng = np.random.default_rng(0)
    draws = [Transform(SIZE, flip=chance, crop=1 - chance).draws(1, rng)[0] for _ in range(4000)]
    assert np.mean([draw.flip for draw in draws]) == pytest.approx(chance, abs=0.03 * (0 < chance < 1))
    cropped = [draw.window != (0, 0, 1, 1) for draw in draws]
    assert np.mean(cropped) == pytest.approx(1 - chance, abs=0.03 * (0 < chance < 1))


def test_windows_are_spread_over_all_places() -> None:
    rng = np.random.default_rng(0)
    draws = [Transform(SIZE, crop=1.0).draws(1, rng)[0] for _ in range(2000)]
    corner = np.array([draw.window[:2] for draw in draws])
    room = 1 - 1 / ENLARGE
    assert corner.min() < 0.02 * room
    assert corner.max() > 0.98 * room
    np.testing.assert_allclose(corner.mean(axis=0), room / 2, rtol=0.1)
    assert abs(np.corrcoef(corner.T)[0, 1]) < 0.1


def test_options_do_not_shift_later_draws() -> None:
    one, two = Transform(SIZE, flip=0.5, crop=0.5), Transform(SIZE, flip=0.5, crop=0.0)
    flips = [
        [transform.draws(1, rng)[0].flip for _ in range(50)]
        for transform, rng in ((one, np.random.default_rng(0)), (two, np.random.default_rng(0)))
    ]
    assert flips[0] == flips[1]


def test_a_clip_has_one_draw_unless_frames_have_their_own() -> None:
    rng = np.random.default_rng(0)
    assert len(set(Transform(SIZE, flip=0.5, crop=1.0).draws(8, rng))) == 1
    assert len(set(Transform(SIZE, flip=0.5, crop=1.0, per_frame=True).draws(8, rng))) == 8
    assert Transform(SIZE, flip=1.0, crop=1.0).draws(3, None) == [Draw()] * 3


def test_frames_of_a_still_clip_stay_equal_after_augmentation(still: Tracklet) -> None:
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        clip = decode_clip(still, np.arange(6), Transform(SIZE, flip=0.5, crop=0.5), rng=rng).frames
        assert (clip == clip[0]).all()
        seen.add(clip[0].tobytes())
    assert len(seen) > 4, "clips differ, frames of a clip do not"
    per_frame = Transform(SIZE, flip=0.5, crop=0.5, per_frame=True)
    clip = decode_clip(still, np.arange(6), per_frame, rng=np.random.default_rng(0)).frames
    assert len({frame.tobytes() for frame in clip}) > 1


def test_a_flip_is_a_mirror(still: Tracklet) -> None:
    with Image.open(still.frames[0]) as image:
        picture = np.asarray(image)
    np.testing.assert_array_equal(Transform(SIZE)(picture, Draw()), picture)
    np.testing.assert_array_equal(Transform(SIZE)(picture, Draw(flip=True)), picture[:, ::-1])


def test_a_window_is_cut_out_and_enlarged() -> None:
    columns = np.broadcast_to(np.linspace(0, 255, 144).astype(np.uint8)[None, :, None], (144, 144, 3))
    rows = columns.transpose(1, 0, 2)
    side = 1 / ENLARGE  # 128 of 144 pixels
    for left, top in ((0.0, 0.0), (1 - side, 1 - side), (0.05, 0.1)):
        window = (left, top, left + side, top + side)
        for picture, start in ((columns, left), (rows, top)):
            out = Transform((128, 128))(np.ascontiguousarray(picture), Draw(window=window))
            along = out[64, :, 0] if picture is columns else out[:, 64, 0]
            np.testing.assert_allclose(along, 255 * start + 255 * side * np.linspace(0, 1, 128), atol=3)


@pytest.mark.parametrize("size", [(8, 8), (64, 32), (128, 16)])
def test_any_image_comes_out_in_the_wanted_size(size: tuple[int, int]) -> None:
    picture = np.full((50, 37, 3), (200, 100, 50), np.uint8)
    out = Transform(size)(picture, Draw(window=(0.05, 0.05, 0.9, 0.9)))
    assert out.shape == (*size, 3)
    assert (out == (200, 100, 50)).all()


def test_normalise_is_its_formula() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 4, 3), dtype=np.uint8)
    clips = normalise(torch.from_numpy(frames))
    assert clips.shape == (2, 3, 3, 5, 4)
    assert clips.dtype == torch.float32
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        expected = (frames[..., channel] / 255 - mean) / std
        np.testing.assert_allclose(clips[:, :, channel].numpy(), expected, rtol=1e-4, atol=1e-5)
