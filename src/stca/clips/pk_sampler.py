"""Batches of P persons with K tracklets each, for batch-hard mining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from stca.errors import ConfigError

Epoch = Literal["all-groups", "one-group"]


class PKSampler:
    """Yields lists of row numbers: `identities` persons times `instances` tracklets, this rank's share.

    An epoch takes every identity's tracklets in groups of `instances` ("all-groups": 235 batches of 8 x 4 at
    most on MARS) or one group of each identity ("one-group"). A remainder that fills no group waits for
    another epoch's shuffle; an identity with fewer than `instances` tracklets repeats some. An identity
    stands in a batch once; what is left when fewer than `identities` persons have groups is dropped.

    The same seed and epoch give the same batches on every machine, whatever the world size: rank r takes
    its own persons out of the common batch.

    Args:
        person_ids: of every row.
        identities: P, persons in the whole batch.
        instances: K, tracklets of each.
        seed: of the shuffling.
        rank: of this process.
        world_size: number of processes; divides `identities`.
        epoch: "all-groups" or "one-group".
        shuffle: shuffle an identity's tracklets before grouping (the official code does not, and then more
            than half of MARS's groups see one camera only).

    Raises:
        ConfigError: fewer than P persons, or P that `world_size` does not divide.

    """

    def __init__(
        self,
        person_ids: Sequence[int],
        *,
        identities: int = 8,
        instances: int = 4,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        epoch: Epoch = "all-groups",
        shuffle: bool = True,
    ) -> None:
        rows: dict[int, list[int]] = {}
        for row, person in enumerate(person_ids):
            rows.setdefault(int(person), []).append(row)
        self._rows = [np.array(rows[person]) for person in sorted(rows)]
        if len(rows) < identities:
            raise ConfigError(
                "Too few persons for a batch",
                expected=f"at least {identities} (batch.identities)",
                found=f"{len(rows)} with training tracklets",
                hint=f"batch.identities={len(rows)}"
                if len(rows) > 1
                else "batch-hard mining needs two persons",
            )
        if identities % world_size:
            raise ConfigError(
                "A batch's persons cannot be shared out",
                expected="batch.identities as a multiple of the number of processes",
                found=f"{identities} for {world_size}",
            )
        self.identities, self.instances, self.seed = identities, instances, seed
        self.rank, self.world_size = rank, world_size
        self.epoch, self.shuffle = epoch, shuffle
        self.set_epoch(0)

    def set_epoch(self, number: int) -> None:
        """Draw epoch `number`'s batches."""
        rng = np.random.default_rng((self.seed, number))
        groups = [self._groups(rows, rng) for rows in self._rows]
        left = np.array([len(each) for each in groups])
        batches = []
        while (alive := np.flatnonzero(left)).size >= self.identities:
            persons = rng.choice(alive, self.identities, replace=False)
            left[persons] -= 1
            batches.append([groups[person][left[person]] for person in persons])
        self._batches = batches

    def _groups(self, rows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        order = rng.permutation(rows) if self.shuffle else rows
        if len(order) < self.instances:
            order = np.concatenate([order, rng.choice(rows, self.instances - len(order))])
        count = len(order) // self.instances if self.epoch == "all-groups" else 1
        return np.split(order[: count * self.instances], count)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        share = self.identities // self.world_size
        for batch in self._batches:
            mine = batch[self.rank * share : (self.rank + 1) * share]
            yield np.concatenate(mine).tolist()
