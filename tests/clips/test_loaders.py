from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from stca.clips import (
    ClipBatch,
    PKSampler,
    SamplingMode,
    Transform,
    dense_batches,
    sample_clips,
    train_batches,
)
from stca.errors import DatasetError
from stca.tracklets import Tracklet

AUGMENT = Transform((32, 16), flip=0.5, crop=0.5)


@pytest.fixture
def people(make_tracklet: Callable[..., Tracklet]) -> list[Tracklet]:
    """Three persons with two tracklets each, of 1 to 12 frames."""
    lengths = ((1, 5), (7, 12), (3, 9))
    return [
        make_tracklet(frames, person=person, camera=camera)
        for person, both in enumerate(lengths, start=1)
        for camera, frames in enumerate(both, start=1)
    ]


def sampler_of(people: list[Tracklet], **options: int) -> PKSampler:
    return PKSampler([t.person_id for t in people], identities=2, instances=2, **options)


def assert_same(
    one: Iterator[ClipBatch] | list[ClipBatch], two: Iterator[ClipBatch] | list[ClipBatch]
) -> None:
    count = 0
    for a, b in zip(one, two, strict=True):
        assert torch.equal(a.frames, b.frames)
        assert torch.equal(a.rows, b.rows)
        assert a.bad_frames == b.bad_frames
        count += 1
    assert count


@pytest.mark.parametrize("mode", ["consecutive", "strided", "restricted"])
def test_training_batches_do_not_depend_on_the_number_of_workers(
    people: list[Tracklet], mode: SamplingMode
) -> None:
    people[3].frames[2].write_bytes(b"broken")
    workers = [
        list(
            train_batches(
                people, sampler_of(people), AUGMENT, clip_len=4, mode=mode, epochs=[3], workers=number
            )
        )
        for number in ((0, 2) if mode == "consecutive" else (0, 0))
    ]
    assert_same(*workers)


def test_dense_batches_do_not_depend_on_the_number_of_workers(people: list[Tracklet]) -> None:
    people[1].frames[0].write_bytes(b"")
    results = [
        dense_batches(people, Transform((32, 16)), clip_len=4, batch_size=3, workers=n) for n in (0, 2)
    ]
    assert results[0][0] == results[1][0] == 4
    assert_same(results[0][1], results[1][1])


def test_a_run_resumed_in_the_middle_of_an_epoch_sees_the_same_clips(people: list[Tracklet]) -> None:
    whole = list(train_batches(people, sampler_of(people), AUGMENT, clip_len=4, epochs=[1]))
    rest = list(train_batches(people, sampler_of(people), AUGMENT, clip_len=4, epochs=[1], first=1))
    assert len(whole) > 1 or not rest
    for one, two in zip(whole[1:], rest, strict=True):
        assert torch.equal(one.frames, two.frames)


def test_epochs_seeds_and_places_draw_differently(make_tracklet: Callable[..., Tracklet]) -> None:
    people = [make_tracklet(20, person=p) for p in (1, 2)]
    clips = [
        batch.frames
        for epoch in range(3)
        for seed in range(3)
        for batch in train_batches(people, sampler_of(people, seed=seed), AUGMENT, clip_len=2, epochs=[epoch])
    ]
    # Both places of a person hold its only tracklet, drawn twice on its own; 19 starts are possible.
    assert len({clip.numpy().tobytes() for batch in clips for clip in batch}) > 12
    assert any(not torch.equal(batch[0], batch[1]) for batch in clips)


def test_training_rows_are_the_samplers(people: list[Tracklet]) -> None:
    sampler = sampler_of(people)
    batches = list(train_batches(people, sampler, AUGMENT, clip_len=4, epochs=[2]))
    assert [batch.rows.tolist() for batch in batches] == list(sampler)
    assert all(batch.frames.shape == (4, 4, 32, 16, 3) for batch in batches)
    assert all(batch.frames.dtype == torch.uint8 for batch in batches)


def test_training_clips_are_consecutive_frames_and_short_tracklets_go_round(people: list[Tracklet]) -> None:
    plain = Transform((32, 16))
    for epoch in range(5):
        for batch in train_batches(people, sampler_of(people), plain, clip_len=4, epochs=[epoch]):
            for row, clip in zip(batch.rows.tolist(), batch.frames.float().mean((2, 3, 4)), strict=True):
                frames = [round((float(level) - 10) / 10) for level in clip]
                length = len(people[row])
                assert [(b - a) % length for a, b in pairwise(frames)] == [1 % length] * 3


def test_dense_batches_are_full_and_hold_all_clips_in_order(people: list[Tracklet]) -> None:
    number, batches = dense_batches(people, Transform((32, 16)), clip_len=4, batch_size=5)
    found = list(batches)
    assert number == len(found)
    assert [len(batch.rows) for batch in found[:-1]] == [5] * (number - 1)
    expected = [
        (row, clip) for row, t in enumerate(people) for clip in sample_clips(len(t), 4, mode="dense").tolist()
    ]
    assert torch.cat([batch.rows for batch in found]).tolist() == [row for row, _ in expected]
    levels = torch.cat([batch.frames for batch in found]).float().mean((2, 3, 4))
    assert ((levels - 10) / 10).round().int().tolist() == [clip for _, clip in expected]


def test_bad_frames_are_reported_with_their_batch(people: list[Tracklet]) -> None:
    bad = people[3].frames[0]
    bad.write_bytes(b"")
    _, batches = dense_batches(people, Transform((32, 16)), clip_len=4, batch_size=100)
    (batch,) = batches
    assert batch.bad_frames == (bad,)
    assert np.isfinite(batch.frames.numpy()).all()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_tracklet_without_a_readable_frame_stops_with_its_name(
    people: list[Tracklet], workers: int
) -> None:
    for path in people[4].frames:
        path.write_bytes(b"")
    _, batches = dense_batches(people, Transform((32, 16)), clip_len=4, batch_size=4, workers=workers)
    with pytest.raises(DatasetError, match="3-1-3"):
        list(batches)


def test_processes_together_see_the_clips_of_one(people: list[Tracklet]) -> None:
    def load(**options: int) -> list[ClipBatch]:
        sampler = PKSampler([t.person_id for t in people], identities=2, instances=2, **options)
        return list(train_batches(people, sampler, AUGMENT, clip_len=4, epochs=[2]))

    whole, shares = load(), [load(rank=rank, world_size=2) for rank in (0, 1)]
    for one, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(one.frames, torch.cat([part.frames for part in parts]))
        assert torch.equal(one.rows, torch.cat([part.rows for part in parts]))
