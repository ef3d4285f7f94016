"""Persons of a gallery, and what people correct: at once, undone in any order, kept in the log."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from made_gallery import FINGERPRINT, vectors
from stca.errors import GalleryError
from stca.gallery import Gallery, Record
from stca.linking.persons import (
    hide,
    judge,
    merge_persons,
    name_person,
    person_names,
    persons,
    show,
    split_person,
    take_out,
    undo,
)

PERSONS = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3, "g": None}


def make(folder: Path) -> Gallery:
    gallery = Gallery.open(folder, model=FINGERPRINT)
    records = [Record(key, "north", float(n), n + 2.0) for n, key in enumerate(PERSONS)]
    gallery.add(records, vectors(len(records)))
    gallery.set_persons(PERSONS)
    return gallery


@pytest.fixture
def gallery(tmp_path: Path):
    with make(tmp_path / "g") as made:
        yield made


def numbers(gallery: Gallery) -> dict[str, int | None]:
    return {record.key: record.person for record in gallery.records()}


def grouped(gallery: Gallery) -> list[tuple[int, str | None, str]]:
    return [(p.number, p.name, "".join(r.key for r in p.records)) for p in persons(gallery)]


def test_persons_by_number_in_time_order(gallery: Gallery) -> None:
    assert grouped(gallery) == [(1, None, "abc"), (2, None, "de"), (3, None, "f")]
    assert gallery.corrections() == []
    assert gallery.log_state() == (0, 0)


def test_each_takes_effect_at_once_and_is_kept(gallery: Gallery) -> None:
    name_person(gallery, 2, "Anna", author="night shift")
    assert grouped(gallery)[1] == (2, "Anna", "de")
    merge_persons(gallery, 2, 3)
    assert grouped(gallery) == [(1, None, "abc"), (2, "Anna", "def")]
    take_out(gallery, "b")
    assert grouped(gallery) == [(1, None, "ac"), (2, "Anna", "def"), (4, None, "b")]
    split_person(gallery, ["f", "e"])
    assert grouped(gallery)[-1] == (5, None, "ef")
    assert person_names(gallery) == {2: "Anna"}
    judge(gallery, "g", "a", same=True)
    judge(gallery, "g", "b", same=False)
    assert numbers(gallery)["g"] is None, "a verdict moves nobody"
    hide(gallery, ["a", "a"])
    assert numbers(gallery)["a"] is None
    log = gallery.corrections()
    kinds = ["name", "merge", "take out", "split", "same", "different", "hide"]
    assert [each.kind for each in log] == kinds
    assert [each.id for each in log] == list(range(1, 8))
    assert sorted(each.time for each in log) == [each.time for each in log]
    assert (log[0].keys, log[0].text, log[0].author) == (("d", "e"), "Anna", "night shift")
    assert (log[1].keys, log[1].others) == (("d", "e"), ("f",))
    assert (log[2].keys, log[2].others) == (("b",), ("a", "c"))
    assert (log[3].keys, log[3].others) == (("f", "e"), ("d",))
    assert (log[4].keys, log[4].others) == (("g",), ("a",))
    assert log[6].keys == ("a",)


def test_it_is_there_for_others_and_after_opening_again(gallery: Gallery) -> None:
    with Gallery.open(gallery.path) as reader:
        query = reader.get("a")[1]
        assert {hit.key for hit in reader.search(query, 10)} == set(PERSONS)
        merge_persons(gallery, 1, 3)
        hide(gallery, ["a", "d"])
        assert {hit.key for hit in reader.search(query, 10)} == set("bcefg"), "by another connection too"
        assert {hit.key for hit in reader.search(query, 10, cameras=["north"])} == set("bcefg")
        assert {hit.key for hit in reader.search(query, 10, hidden=True)} == set(PERSONS)
        assert (reader.stats().hidden, reader.stats().persons, len(reader)) == (2, 2, 7)
        assert reader.hidden() == {"a", "d"}
        assert numbers(reader) == numbers(gallery)
    gallery.close()
    with Gallery.open(gallery.path) as again:
        assert again.hidden() == {"a", "d"}
        show(again, ["d"])
        assert {hit.key for hit in again.search(query, 10)} == set("bcdefg")
        undo(again, 2)
        assert again.hidden() == frozenset()
        assert numbers(again) == {**PERSONS, "f": 1}


def test_undoing_a_show_hides_again(gallery: Gallery) -> None:
    hide(gallery, ["a"])
    shown = show(gallery, ["a"])
    gallery.set_persons({"a": 3})
    undone = undo(gallery, shown.id)
    assert undone.undone is not None
    assert gallery.hidden() == {"a"}
    assert numbers(gallery)["a"] is None, "hidden ones are not counted as people"


def test_a_number_that_was_taken_is_not_given_again(gallery: Gallery) -> None:
    merged = merge_persons(gallery, 1, 3)
    taken = take_out(gallery, "b")
    assert numbers(gallery)["b"] == 4, "3 may come back"
    undo(gallery, merged.id)
    assert numbers(gallery) == {**PERSONS, "b": 4}
    undo(gallery, taken.id)
    assert numbers(gallery) == PERSONS


def test_after_a_new_numbering_undoing_moves_nobody_at_once(gallery: Gallery) -> None:
    merged = merge_persons(gallery, 1, 3)
    assert not gallery.corrections()[0].renumbered
    gallery.set_persons({"a": 3, "f": 3, "b": 1})
    before = numbers(gallery)
    assert undo(gallery, merged.id).renumbered
    assert numbers(gallery) == before, "the numbers mean other people now"
    assert not gallery.corrections()[0].counts


def test_what_somebody_else_has_set_is_not_moved_back(gallery: Gallery) -> None:
    merged = merge_persons(gallery, 1, 3)
    f = next(record for record in gallery.records() if record.key == "f")
    gallery.remove("f")
    gallery.add([dataclasses.replace(f, person=1, content="other")], vectors(1, seed=9))
    assert gallery.corrections()[0].gone == {"f"}
    undo(gallery, merged.id)
    assert numbers(gallery)["f"] == 1


def test_tracklets_that_are_gone_are_ignored_until_they_come_back(gallery: Gallery) -> None:
    f, row = gallery.get("f")
    hide(gallery, ["f"])
    name_person(gallery, 2, "Anna")
    gallery.remove("f", "d")
    assert gallery.hidden() == frozenset()
    assert person_names(gallery) == {2: "Anna"}
    assert gallery.corrections()[0].keys == ("f",), "the log keeps them"
    gallery.add([dataclasses.replace(f, person=None)], row[None])
    assert gallery.hidden() == {"f"}, "the same one again"


def test_names_follow_most_of_their_tracklets(gallery: Gallery) -> None:
    name_person(gallery, 1, "Anna")
    gallery.set_persons({"a": 8, "b": 9, "c": 9, "d": 8, "e": 8})
    assert person_names(gallery) == {9: "Anna"}
    name_person(gallery, 8, "Ben")
    assert person_names(gallery) == {8: "Ben", 9: "Anna"}
    merge_persons(gallery, 9, 8)
    assert person_names(gallery) == {9: "Ben"}, "the newest wins"
    gallery.set_persons({"a": 1, "d": 1, "e": 1, "b": 1, "c": 2})
    assert person_names(gallery) == {1: "Ben", 2: "Anna"}, "the other keeps the other name"
    gallery.set_persons({"c": 2, "b": 3, "a": 3, "d": 4, "e": 4})
    assert person_names(gallery) == {4: "Ben", 3: "Anna"}


def test_of_equal_parts_the_earlier_keeps_the_name_and_who_is_taken_out_has_none(gallery: Gallery) -> None:
    name_person(gallery, 2, "Anna")
    gallery.set_persons({"d": 7, "e": 6})
    assert person_names(gallery) == {7: "Anna"}
    gallery.set_persons({"d": 7, "e": 7})
    out = take_out(gallery, "d")
    assert person_names(gallery) == {7: "Anna"}
    assert numbers(gallery)["e"] == 7
    undo(gallery, out.id)
    named = name_person(gallery, 7, "Anne")
    assert person_names(gallery) == {7: "Anne"}
    undo(gallery, named.id)
    assert person_names(gallery) == {7: "Anna"}


def test_what_cannot_be_is_refused_and_nothing_is_written(gallery: Gallery, tmp_path: Path) -> None:
    hide(gallery, ["f"])
    before = numbers(gallery), gallery.log_state()
    for words, call in {
        "no person 3": lambda: name_person(gallery, 3, "Anna"),
        "no person 9": lambda: merge_persons(gallery, 1, 9),
        "with itself": lambda: merge_persons(gallery, 1, 1),
        "no tracklet 'x'": lambda: take_out(gallery, "x"),
        "not of one person": lambda: split_person(gallery, ["a", "d"]),
        "g of nobody": lambda: take_out(gallery, "g"),
        "no other tracklets": lambda: split_person(gallery, ["d", "e"]),
        "No tracklet is named": lambda: split_person(gallery, []),
        "hidden already": lambda: hide(gallery, ["a", "f"]),
        "not hidden": lambda: show(gallery, ["f", "a"]),
        "no answer to itself": lambda: judge(gallery, "a", "a", same=True),
        "no name": lambda: name_person(gallery, 1, "\n"),
        "no author": lambda: take_out_as(gallery, "x" * 101),
        "no such correction": lambda: undo(gallery, 7),
    }.items():
        with pytest.raises(GalleryError, match=words):
            call()
    undo(gallery, 1)
    with pytest.raises(GalleryError, match="undone already"):
        undo(gallery, 1)
    assert before[1] == (1, 0)
    assert numbers(gallery) == PERSONS


def take_out_as(gallery: Gallery, author: str) -> None:
    take_out(gallery, "a", author=author)


def test_a_gallery_that_can_only_be_read(gallery: Gallery) -> None:
    hide(gallery, ["f"])
    gallery.close()
    reader = Gallery.open(gallery.path)
    reader._store.writable = False
    with reader:
        assert reader.hidden() == {"f"}
        for call in (lambda: hide(reader, ["a"]), lambda: undo(reader, 1)):
            with pytest.raises(GalleryError, match="can only be read"):
                call()


OPERATIONS = ("merge", "take out", "split", "hide", "show", "name", "judge")


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 2**32)), max_size=7), st.integers(0, 2**32)
)
def test_undoing_everything_in_any_order_gives_what_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], order: int
) -> None:
    with make(tmp_path_factory.mktemp("g") / "g") as gallery:
        for step, seed in steps:
            rng = np.random.default_rng(seed)
            keys = [str(key) for key in rng.permutation(list(PERSONS))]
            people = [int(number) for number in rng.permutation([p.number for p in persons(gallery)])]
            try:
                match step:
                    case "merge":
                        merge_persons(gallery, people[0], people[-1])
                    case "take out":
                        take_out(gallery, keys[0])
                    case "split":
                        split_person(gallery, keys[: 1 + seed % 2])
                    case "hide":
                        hide(gallery, keys[:2])
                    case "show":
                        show(gallery, sorted(gallery.hidden())[:1])
                    case "name":
                        name_person(gallery, people[0], "Anna")
                    case _:
                        judge(gallery, keys[0], keys[1], same=bool(seed % 2))
            except (GalleryError, IndexError):
                continue
        entries = [each.id for each in gallery.corrections()]
        random.Random(order).shuffle(entries)
        for entry in entries:
            undo(gallery, entry)
        assert numbers(gallery) == PERSONS
        assert gallery.hidden() == frozenset()
        assert person_names(gallery) == {}
