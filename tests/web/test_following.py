"""The snapshot after changes is what reading everything gives, in the same order, without doing that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_gallery import FINGERPRINT, record, vectors
from stca.gallery import Gallery
from stca.gallery.keeping import forget
from stca.linking.persons import (
    hide,
    judge,
    merge_persons,
    name_person,
    person_names,
    show,
    split_person,
    undo,
)
from stca.web.listing import Following, Snapshot

ROWS = 40


@pytest.fixture
def galleries(tmp_path: Path) -> tuple[Gallery, Gallery]:
    """The server's, and the same as another process has it open."""
    with Gallery.open(tmp_path, model=FINGERPRINT) as gallery:
        gallery.add([record(number) for number in range(ROWS)], vectors(ROWS))
        gallery.set_persons({record(number).key: 1 + number % 8 for number in range(ROWS - 8)})
    return Gallery.open(tmp_path), Gallery.open(tmp_path)


def read_anew(gallery: Gallery) -> Snapshot:
    return Snapshot.of(gallery.records(), hidden=gallery.hidden(), names=person_names(gallery))


def require_same(found: Snapshot, wanted: Snapshot) -> None:
    assert list(found.records.items()) == list(wanted.records.items())
    assert list(found.persons.items()) == list(wanted.persons.items())
    assert found.hidden == wanted.hidden


def change(gallery: Gallery, rng: np.random.Generator, number: int) -> None:
    """Some change, of those that people, jobs and live cameras make."""
    records = list(gallery.records())
    some = [records[int(at)] for at in rng.choice(len(records), 3, replace=False)]
    people = sorted({each.person for each in records if each.person is not None})
    new = record(100 + number)
    kinds: list[Callable[[], object]] = [
        lambda: gallery.add([new, replace(record(200 + number), first=None, last=None)], vectors(2)),
        lambda: gallery.add([some[0]], vectors(1, seed=number), replace=True),
        lambda: gallery.remove(some[0].key),
        lambda: gallery.set_persons({each.key: 3 for each in some}, anew=False),
        lambda: gallery.set_persons({some[0].key: None}, anew=False),
        lambda: gallery.update([replace(some[0], camera="moved", first=5000.0, last=5001.0)]),
        lambda: name_person(gallery, people[0], f"Ann {number}"),
        lambda: merge_persons(gallery, people[0], people[-1]),
        lambda: split_person(gallery, [next(each.key for each in records if each.person == people[1])]),
        lambda: judge(gallery, some[0].key, some[1].key, same=True),
        lambda: hide(gallery, [each.key for each in some if each.key not in gallery.hidden()]),
        lambda: show(gallery, sorted(gallery.hidden())[:1]),
        lambda: undo(gallery, [each.id for each in gallery.corrections() if each.counts][-1]),
    ]
    try:
        kinds[int(rng.integers(len(kinds)))]()
    except (IndexError, StopIteration):
        pass
    except Exception as error:
        if type(error).__name__ != "GalleryError":
            raise


@pytest.mark.parametrize("seed", range(3))
def test_following_is_reading_anew(galleries: tuple[Gallery, Gallery], seed: int) -> None:
    own, other = galleries
    following, rng = Following(own), np.random.default_rng(seed)
    for number in range(30):
        for _ in range(int(rng.integers(1, 4))):
            change(own if rng.random() < 0.6 else other, rng, number)
        require_same(following.snapshot(), read_anew(own))


def test_only_what_changed_is_read(
    galleries: tuple[Gallery, Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = galleries
    following = Following(own)
    before = following.snapshot()
    monkeypatch.setattr(own.store, "numbered_records", lambda: pytest.fail("everything was read again"))
    compared, real = [], own.store.persons_by_row
    monkeypatch.setattr(own.store, "persons_by_row", lambda: compared.append(1) or real())
    own.remove(record(3).key)
    hide(own, [record(5).key])
    after = following.snapshot()
    assert record(3).key not in after.records
    assert not compared, "what this connection changed is known"
    assert after.records[record(7).key] is before.records[record(7).key]
    other.add([record(99)], vectors(1))
    assert record(99).key in following.snapshot().records
    assert compared == [1]
    judge(own, record(1).key, record(2).key, same=False)
    assert following.snapshot() is following.snapshot()


def test_what_says_nothing_of_rows_leaves_the_snapshot(galleries: tuple[Gallery, Gallery]) -> None:
    own, other = galleries
    following = Following(own)
    before = following.snapshot()
    before.kept("number", lambda snapshot: len(snapshot.records))
    for gallery in (own, other):
        judge(gallery, record(1).key, record(2).key, same=True)
        assert following.snapshot() is before
    name_person(own, 1, "Ann")
    after = following.snapshot()
    assert after is not before
    assert after.kept("number", lambda snapshot: -1) == -1, "what is kept goes with its snapshot"


def test_what_was_forgotten_is_gone(galleries: tuple[Gallery, Gallery]) -> None:
    own, other = galleries
    following = Following(own)
    following.snapshot()
    forget(other, [record(4).key])
    require_same(following.snapshot(), read_anew(own))
    assert record(4).key not in following.snapshot().records


def test_a_failed_look_is_made_up_for(
    galleries: tuple[Gallery, Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = galleries
    following = Following(own)
    following.snapshot()
    own.remove(record(3).key)
    with monkeypatch.context() as patch:
        patch.setattr(type(own), "hidden", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            following.snapshot()
    require_same(following.snapshot(), read_anew(own))
