from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from stca.clips import PKSampler
from stca.errors import ConfigError

# Tracklets per person, and P and K that fit them.
cases = st.lists(st.integers(1, 11), min_size=2, max_size=12).flatmap(
    lambda counts: st.tuples(
        st.just(counts), st.integers(2, len(counts)), st.integers(1, 5), st.integers(0, 99), st.booleans()
    )
)


def ids_of(counts: Sequence[int]) -> list[int]:
    """Person ids with gaps, interleaved."""
    ids = [10 * person + 3 for person, count in enumerate(counts) for _ in range(count)]
    return [ids[i] for i in np.random.default_rng(0).permutation(len(ids))]


def epoch_of(sampler: PKSampler, number: int) -> list[list[int]]:
    sampler.set_epoch(number)
    return list(sampler)


@settings(max_examples=40)
@given(cases)
def test_every_batch_has_p_persons_with_k_tracklets_each(case: tuple[list[int], int, int, int, bool]) -> None:
    counts, persons, instances, seed, shuffle = case
    ids = ids_of(counts)
    sampler = PKSampler(ids, identities=persons, instances=instances, seed=seed, shuffle=shuffle)
    batches = list(sampler)
    assert len(sampler) == len(batches) >= 1
    seen: Counter[int] = Counter()
    for batch in batches:
        people = [ids[row] for row in batch]
        groups = [people[i : i + instances] for i in range(0, len(people), instances)]
        assert len(groups) == persons
        assert all(len(set(group)) == 1 for group in groups)
        assert len({group[0] for group in groups}) == persons
        seen.update(batch)
    available = Counter(ids)
    for row, times in seen.items():
        if available[ids[row]] >= instances:
            assert times == 1, "no tracklet comes twice in an epoch unless its person has too few"


@settings(max_examples=40)
@given(cases)
def test_the_same_seed_and_epoch_give_the_same_batches(case: tuple[list[int], int, int, int, bool]) -> None:
    counts, persons, instances, seed, shuffle = case

    def make() -> PKSampler:
        return PKSampler(ids_of(counts), identities=persons, instances=instances, seed=seed, shuffle=shuffle)

    one, two = make(), make()
    later = epoch_of(two, 5)
    assert epoch_of(one, 0) == epoch_of(two, 0) == list(one)
    assert epoch_of(one, 5) == later


@settings(max_examples=40)
@given(cases)
def test_an_epoch_of_all_groups_uses_up_all_groups_but_for_a_last_handful(
    case: tuple[list[int], int, int, int, bool],
) -> None:
    counts, persons, instances, seed, _ = case
    sampler = PKSampler(ids_of(counts), identities=persons, instances=instances, seed=seed)
    groups = [max(1, count // instances) for count in counts]
    used = Counter(
        row_person for batch in sampler for row_person in persons_of(ids_of(counts), batch, instances)
    )
    left = [total - used[10 * person + 3] for person, total in enumerate(groups)]
    assert min(left) >= 0
    assert sum(each > 0 for each in left) < persons, (
        "an epoch ends only when fewer than P persons have groups left"
    )


def persons_of(ids: Sequence[int], batch: Sequence[int], instances: int) -> list[int]:
    return [ids[row] for row in batch[::instances]]


@settings(max_examples=40)
@given(cases)
def test_an_epoch_of_one_group_takes_every_person_at_most_once(
    case: tuple[list[int], int, int, int, bool],
) -> None:
    counts, persons, instances, seed, shuffle = case
    ids = ids_of(counts)
    sampler = PKSampler(
        ids, identities=persons, instances=instances, seed=seed, shuffle=shuffle, epoch="one-group"
    )
    people = [person for batch in sampler for person in persons_of(ids, batch, instances)]
    assert len(people) == len(set(people)) == len(counts) // persons * persons


@settings(max_examples=40)
@given(case=cases, world_size=st.integers(1, 4), number=st.integers(0, 3))
def test_ranks_share_out_the_common_batch(
    case: tuple[list[int], int, int, int, bool], world_size: int, number: int
) -> None:
    counts, persons, instances, seed, shuffle = case
    ids = ids_of(counts)
    if persons % world_size:
        with pytest.raises(ConfigError, match="multiple of the number of processes"):
            PKSampler(ids, identities=persons, world_size=world_size)
        return

    def batches(rank: int, world: int) -> list[list[int]]:
        sampler = PKSampler(
            ids,
            identities=persons,
            instances=instances,
            seed=seed,
            shuffle=shuffle,
            rank=rank,
            world_size=world,
        )
        return epoch_of(sampler, number)

    shares = [batches(rank, world_size) for rank in range(world_size)]
    assert [list(chain(*parts)) for parts in zip(*shares, strict=True)] == batches(0, 1)
    assert len({len(share) for each in shares for share in each}) == 1


def test_epochs_and_seeds_differ() -> None:
    ids = ids_of([9] * 6)
    sampler, other = PKSampler(ids, identities=3, seed=0), PKSampler(ids, identities=3, seed=1)
    epochs = [epoch_of(sampler, number) for number in range(4)]
    assert len({str(epoch) for epoch in epochs}) == 4
    assert epoch_of(other, 0) != epochs[0]


def test_what_waits_in_one_epoch_has_its_turn_in_another() -> None:
    ids = ids_of([7] * 4)  # one group of 4, and 3 that wait
    sampler = PKSampler(ids, identities=2, instances=4)
    seen = {row for number in range(20) for batch in epoch_of(sampler, number) for row in batch}
    assert seen == set(range(len(ids)))


def test_a_person_with_few_tracklets_repeats_them_but_shows_all() -> None:
    ids = [1, 1, 1, 2, 3, 3, 3, 3]
    for number in range(5):
        for batch in epoch_of(PKSampler(ids, identities=3, instances=4, seed=1), number):
            rows = {person: sorted(row for row in batch if ids[row] == person) for person in (1, 2, 3)}
            assert set(rows[1]) == {0, 1, 2}
            assert rows[2] == [3, 3, 3, 3]
            assert rows[3] == [4, 5, 6, 7]


@pytest.mark.parametrize("persons", [0, 1, 7])
def test_too_few_persons_say_what_would_do(persons: int) -> None:
    with pytest.raises(ConfigError, match=r"Too few persons[\s\S]*at least 8") as caught:
        PKSampler([p for p in range(persons) for _ in range(4)])
    assert caught.value.found == f"{persons} with training tracklets"
    assert ("batch.identities=7" if persons == 7 else "two persons") in str(caught.value.hint)


# --- on the real table of MARS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mars(shared: Path) -> tuple[list[int], np.ndarray]:
    """Person and camera of the 8,298 training tracklets."""
    table = loadmat(shared / "protocols/mars/tracks_train_info.mat")["track_train_info"].astype(np.int64)
    assert table.shape == (8298, 4)
    return table[:, 2].tolist(), table[:, 3]


def test_an_epoch_of_mars_comes_near_its_235_batches(mars: tuple[list[int], np.ndarray]) -> None:
    ids, _ = mars
    counts = Counter(ids)
    assert len(counts) == 625
    groups = sum(max(1, count // 4) for count in counts.values())
    lengths = []
    for number in range(3):
        sampler = PKSampler(ids, seed=number)
        lengths.append(len(sampler))
        assert all(len(batch) == 32 for batch in sampler)
    assert groups // 8 == 235
    assert all(220 <= length <= 235 for length in lengths), lengths
    one_group = PKSampler(ids, epoch="one-group")
    assert len(one_group) == 625 // 8


@pytest.mark.parametrize(("shuffle", "low", "high"), [(False, 0.45, 0.60), (True, 0.0, 0.20)])
def test_unshuffled_groups_of_mars_often_see_one_camera_only(
    mars: tuple[list[int], np.ndarray], shuffle: bool, low: float, high: float
) -> None:
    ids, cameras = mars
    groups = [batch[i : i + 4] for batch in PKSampler(ids, shuffle=shuffle) for i in range(0, 32, 4)]
    alone = [len(set(cameras[group].tolist())) == 1 for group in groups]
    assert low <= sum(alone) / len(alone) <= high
