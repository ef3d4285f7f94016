import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.clips import SamplingMode, sample_clips
from stca.errors import ConfigError

RANDOM: tuple[SamplingMode, ...] = ("consecutive", "strided", "restricted")
lengths = st.integers(1, 60)
seeds = st.none() | st.integers(0, 2**32)


def generator(seed: int | None) -> np.random.Generator | None:
    return None if seed is None else np.random.default_rng(seed)


@given(num_frames=st.integers(1, 300), clip_len=st.integers(1, 20))
def test_dense_clips_hold_every_frame_once_but_for_the_tails_repeats(num_frames: int, clip_len: int) -> None:
    clips = sample_clips(num_frames, clip_len)
    assert clips.shape == (math.ceil(num_frames / clip_len), clip_len)
    frames = clips.ravel().tolist()
    assert frames[:num_frames] == list(range(num_frames))
    tail = num_frames - clip_len * (len(clips) - 1)
    start = num_frames - tail
    assert clips[-1].tolist() == [start + step % tail for step in range(clip_len)]


@pytest.mark.parametrize(
    ("num_frames", "clip_len", "last"),
    [
        (20, 8, [16, 17, 18, 19, 16, 17, 18, 19]),
        (19, 8, [16, 17, 18, 16, 17, 18, 16, 17]),
        (17, 8, [16] * 8),
        (16, 8, [8, 9, 10, 11, 12, 13, 14, 15]),
        (3, 8, [0, 1, 2, 0, 1, 2, 0, 1]),
        (1, 4, [0, 0, 0, 0]),
        (5, 1, [4]),
    ],
)
def test_the_tail_goes_round_in_a_circle(num_frames: int, clip_len: int, last: list[int]) -> None:
    assert sample_clips(num_frames, clip_len, mode="dense")[-1].tolist() == last


@given(mode=st.sampled_from(RANDOM), num_frames=lengths, clip_len=st.integers(1, 20), seed=seeds)
def test_random_modes_give_one_clip_of_frames_that_exist(
    mode: SamplingMode, num_frames: int, clip_len: int, seed: int | None
) -> None:
    clips = sample_clips(num_frames, clip_len, mode=mode, rng=generator(seed))
    assert clips.shape == (1, clip_len)
    assert clips.dtype == np.int64
    assert clips.min() >= 0
    assert clips.max() < num_frames
    if num_frames >= clip_len:  # in order; two neighbouring parts may share the frame on their border
        assert (np.diff(clips[0]) >= (mode != "restricted")).all()
    again = sample_clips(num_frames, clip_len, mode=mode, rng=generator(seed))
    np.testing.assert_array_equal(clips, again)


@given(num_frames=lengths, clip_len=st.integers(1, 20), seed=seeds)
def test_consecutive_frames_are_neighbours_in_a_circle(
    num_frames: int, clip_len: int, seed: int | None
) -> None:
    (clip,) = sample_clips(num_frames, clip_len, mode="consecutive", rng=generator(seed))
    assert (np.diff(clip) % num_frames == 1 % num_frames).all()
    if num_frames < clip_len:
        assert clip[0] == 0
        assert set(clip.tolist()) == set(range(num_frames))


@given(num_frames=lengths, clip_len=st.integers(1, 20), seed=seeds)
def test_strided_frames_are_equally_far_apart(num_frames: int, clip_len: int, seed: int | None) -> None:
    (clip,) = sample_clips(num_frames, clip_len, mode="strided", rng=generator(seed))
    stride = max(1, num_frames // clip_len)
    assert (np.diff(clip) % num_frames == stride % num_frames).all()


@given(num_frames=lengths, clip_len=st.integers(1, 20), seed=seeds)
def test_restricted_frames_come_from_equal_parts(num_frames: int, clip_len: int, seed: int | None) -> None:
    (clip,) = sample_clips(num_frames, clip_len, mode="restricted", rng=generator(seed))
    for part, frame in enumerate(clip.tolist()):
        assert math.floor(part * num_frames / clip_len) <= frame <= (part + 1) * num_frames / clip_len


@pytest.mark.parametrize("mode", RANDOM)
def test_every_start_and_every_frame_has_its_chance(mode: SamplingMode) -> None:
    rng = np.random.default_rng(0)
    clips = np.concatenate([sample_clips(11, 4, mode=mode, rng=rng) for _ in range(600)])
    assert set(clips.ravel().tolist()) == set(range(11))
    starts = {"consecutive": 8, "strided": 5, "restricted": 3}[mode]
    assert set(clips[:, 0].tolist()) == set(range(starts))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("consecutive", [3, 4, 5, 6]), ("strided", [2, 4, 6, 8]), ("restricted", [1, 4, 6, 9])],
)
def test_without_chance_the_middle_is_taken(mode: SamplingMode, expected: list[int]) -> None:
    assert sample_clips(11, 4, mode=mode)[0].tolist() == expected


class AlmostOne(np.random.Generator):
    """The largest numbers that `random` can give."""

    def random(self, size: int) -> np.ndarray:  # type: ignore[override]
        return np.full(size, np.nextafter(1, 0))


@pytest.mark.parametrize("num_frames", [1, 3, 8, 11, 1000])
def test_rounding_never_leads_past_the_last_frame(num_frames: int) -> None:
    rng = AlmostOne(np.random.PCG64())
    assert sample_clips(num_frames, 8, mode="restricted", rng=rng).max() == num_frames - 1


@pytest.mark.parametrize(("num_frames", "clip_len"), [(0, 8), (8, 0), (-1, 8)])
def test_no_frames_are_no_clip(num_frames: int, clip_len: int) -> None:
    with pytest.raises(ValueError, match="num_frames"):
        sample_clips(num_frames, clip_len)


@pytest.mark.usefixtures("as_users_run_it")
def test_an_unknown_mode_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="dense, consecutive, strided or restricted"):
        sample_clips(4, 4, mode="sparse")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["dense", *RANDOM])
def test_a_clip_longer_than_memory_is_refused(mode: SamplingMode) -> None:
    assert sample_clips(3, 10_000, mode=mode).shape == (1, 10_000)
    with pytest.raises(ConfigError, match="1 to 10000 frames"):
        sample_clips(3, 99_999_999_999, mode=mode)
