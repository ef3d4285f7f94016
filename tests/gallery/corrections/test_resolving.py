"""What a log of corrections says, against taking every pair by itself, newest first."""

from __future__ import annotations

import csv
import io
from itertools import combinations, product

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from stca.errors import GalleryError
from stca.gallery.corrections import (
    Change,
    Correction,
    Kind,
    LabelledPair,
    labelled_pairs,
    pairs_csv,
    resolve,
)

KEYS = tuple("abcdefgh")


def said(kind: Kind, keys: str, others: str = "", *, number: int = 1, **more: object) -> Correction:
    return Correction(number, float(number), kind, tuple(keys), tuple(others), **more)


def log(*entries: tuple[str, ...]) -> list[Correction]:
    return [said(*entry, number=number) for number, entry in enumerate(entries, 1)]


class Slow:
    """Sets of pairs, searched through every time."""

    def __init__(self, corrections: list[Correction]) -> None:
        self.same: set[frozenset[str]] = set()
        self.apart: set[frozenset[str]] = set()
        self.left_out: list[Correction] = []
        hidden: set[str] = set()
        for each in corrections:
            if each.counts and each.kind == "hide":
                hidden |= set(each.keys) - each.gone
            if each.counts and each.kind == "show":
                hidden -= set(each.keys) - each.gone
        newer: list[tuple[Correction, list[tuple[str, str, bool]]]] = []
        taken: list[tuple[set[str], set[str]]] = []
        for each in reversed(corrections):
            if not each.counts or each.kind in ("name", "hide", "show"):
                continue
            keys, others = (
                [k for k in side if k not in hidden and k not in each.gone]
                for side in (each.keys, each.others)
            )
            if each.kind in ("take out", "split"):
                whole = set(others)
                others = [k for k in others if not any(k in ks and rest & whole for ks, rest in taken)]
                taken.append((set(keys), whole))
            words: list[tuple[str, str, bool]] = []
            if each.kind in ("same", "merge"):
                words = [(a, b, True) for a, b in combinations(list(dict.fromkeys(keys + others)), 2)]
            else:
                if each.kind == "split":
                    words = [(a, b, True) for a, b in combinations(keys, 2)]
                words += [(a, b, False) for a, b in product(keys, others)]
            refused = [word for word in words if not self.take(*word)]
            direct = {(frozenset(w[:2]), w[2]) for _, ws in newer for w in ws}
            if any((frozenset((a, b)), not same) not in direct for a, b, same in refused):
                self.left_out.append(each)
            newer.append((each, words))

    def group(self, key: str) -> set[str]:
        found = {key}
        while more := {k for pair in self.same if pair & found for k in pair} - found:
            found |= more
        return found

    def are_apart(self, a: str, b: str) -> bool:
        return any(frozenset(pair) in self.apart for pair in product(self.group(a), self.group(b)))

    def take(self, a: str, b: str, same: bool) -> bool:
        if same and self.are_apart(a, b):
            return False
        if not same and b in self.group(a):
            return False
        (self.same if same else self.apart).add(frozenset((a, b)))
        return True


Entry = tuple[Kind, str, str, frozenset[str], float | None]


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    found = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(
            st.sampled_from(["same", "different", "merge", "take out", "split", "hide", "show", "name"])
        )
        keys = draw(st.lists(st.sampled_from(KEYS), min_size=6, max_size=6, unique=True))
        first = 1 if kind in ("same", "different", "take out") else draw(st.integers(1, 3))
        second = 0 if kind in ("hide", "show", "name") else draw(st.integers(1, 3))
        second = 1 if kind in ("same", "different") else second
        mine, others = "".join(keys[:first]), "".join(keys[first : first + second])
        gone = draw(st.sampled_from([frozenset(), frozenset(), frozenset(mine[0])]))
        found.append((kind, mine, others, gone, draw(st.sampled_from([None, None, None, 5.0]))))
    return found


def built(entries: list[Entry]) -> list[Correction]:
    return [
        said(kind, keys, others, number=number, gone=gone, undone=undone)
        for number, (kind, keys, others, gone, undone) in enumerate(entries, 1)
    ]


@settings(max_examples=60)
@given(entries())
def test_it_is_what_taking_every_pair_by_itself_gives(entries: list[Entry]) -> None:
    corrections = built(entries)
    slow, resolved = Slow(corrections), resolve(corrections)
    groups = {frozenset(slow.group(key)) for key in KEYS}
    assert set(map(frozenset, resolved.groups)) == {group for group in groups if len(group) > 1}
    assert resolved.left_out == tuple(slow.left_out)
    wanted = {
        frozenset((a, b))
        for a, b in combinations(groups, 2)
        if any(slow.are_apart(x, y) for x in a for y in b)
    }
    of = {key: group for group in groups for key in group}
    assert {frozenset((of[a], of[b])) for a, b in resolved.apart} == wanted
    assert len(resolved.apart) == len(wanted), "one pair for two groups"


@settings(max_examples=60)
@given(entries())
def test_labelled_pairs_do_not_contradict_what_binds(entries: list[Entry]) -> None:
    corrections = built(entries)
    slow = Slow(corrections)
    pairs = labelled_pairs(corrections)
    assert len({(pair.key, pair.other) for pair in pairs}) == len(pairs)
    for pair in pairs:
        assert pair.key < pair.other
        assert (pair.other in slow.group(pair.key)) == pair.same
        assert slow.are_apart(pair.key, pair.other) != pair.same


def test_the_last_word_on_a_pair_counts_and_is_no_contradiction() -> None:
    resolved = resolve(log(("same", "a", "b"), ("different", "a", "b")))
    assert (resolved.groups, resolved.apart, resolved.left_out) == ((), (("a", "b"),), ())
    assert resolve(log(("different", "a", "b"), ("same", "a", "b"))).groups == (("a", "b"),)


def test_what_contradicts_newer_ones_through_others_is_left_out_and_told() -> None:
    corrections = log(("different", "a", "c"), ("same", "a", "b"), ("same", "b", "c"))
    resolved = resolve(corrections)
    assert resolved.groups == (("a", "b", "c"),)
    assert resolved.left_out == (corrections[0],)


def test_a_tracklet_taken_out_of_a_merged_person_stays_out_and_the_rest_together() -> None:
    for order in ("abc", "cab"):
        resolved = resolve(log(("merge", order, "de"), ("take out", "c", "abde")))
        assert resolved.groups == (("a", "b", "d", "e"),)
        assert resolved.apart == (("a", "c"),)
        assert resolved.left_out == ()


def test_two_that_were_taken_out_one_after_the_other_are_not_told_apart() -> None:
    # b and d are one person that was linked with a and c; nobody compared b with d.
    corrections = log(("take out", "b", "acd"), ("take out", "d", "ac"))
    resolved = resolve(corrections)
    assert ("b", "d") not in resolved.apart
    assert resolved.apart == (("a", "b"), ("a", "d"), ("b", "c"), ("c", "d"))
    assert all({pair.key, pair.other} != {"b", "d"} for pair in labelled_pairs(corrections))


def test_hidden_ones_join_nobody() -> None:
    corrections = log(("same", "a", "p"), ("same", "p", "b"), ("hide", "p"))
    assert resolve(corrections).groups == ()
    assert resolve([*corrections, said("show", "p", number=4)]).groups == (("a", "b", "p"),)


def test_pairs_that_somebody_looked_at() -> None:
    corrections = log(("merge", "ab", "c"), ("split", "ac", "b"), ("different", "d", "a"))
    assert sorted(labelled_pairs(corrections), key=lambda pair: (pair.time, pair.key, pair.other)) == [
        LabelledPair("a", "b", False, 2.0, ""),
        LabelledPair("a", "c", True, 2.0, ""),
        LabelledPair("b", "c", False, 2.0, ""),
        LabelledPair("a", "d", False, 3.0, ""),
    ]


def test_thousands_of_tracklets_take_no_thousands_of_thousands_of_steps() -> None:
    one = tuple(f"one/{i}" for i in range(2000))
    two = tuple(f"two/{i}" for i in range(2000))
    corrections = [
        Correction(1, 1.0, "merge", one, two),
        Correction(2, 2.0, "split", one[:999], one[999:] + two),
    ]
    resolved = resolve(corrections)
    assert sorted(map(len, resolved.groups)) == [999, 3001]
    assert (len(resolved.apart), resolved.left_out) == (1, ())


@pytest.mark.parametrize("name", ["", " ", "a ", "x" * 101, "a\nb", "a\x07", "a\u202eb"])
def test_a_name_is_printable_and_of_bounded_length(name: str) -> None:
    with pytest.raises(GalleryError, match="no name"):
        Change("name", ("a",), text=name)
    if name:
        with pytest.raises(GalleryError, match="no author"):
            Change("hide", ("a",), author=name)
    assert Change("name", ("a",), text="Zoë Ødegård 小明 علی\u200cرضا").text


def test_pairs_as_csv_are_no_formulas() -> None:
    pairs = [
        LabelledPair("=1+1", "a,b", True, 5.0, "@SUM(1)"),
        LabelledPair("-cam/1", "+cam/2", False, 6.25, "ann"),
    ]
    rows = list(csv.reader(io.StringIO(pairs_csv(pairs))))
    assert rows == [
        ["key", "other", "same", "time", "author"],
        ["'=1+1", "a,b", "1", "5.000", "'@SUM(1)"],
        ["'-cam/1", "'+cam/2", "0", "6.250", "ann"],
    ]
