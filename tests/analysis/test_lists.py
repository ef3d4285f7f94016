"""Ranked lists of two systems, the choice among them, and their pictures."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from stca import ConfigError, Embeddings, load_dataset, rank
from stca.analysis import (
    OUTCOMES,
    PairedLists,
    RankedList,
    count_outcomes,
    pair_lists,
    paired_lists_figure,
    ranked_lists,
    ranked_lists_figure,
    sample_by_outcome,
    save_figure,
)
from stca.analysis.figures import RIGHT, WRONG, printable, shorten
from stca.analysis.ranked_lists import Match
from stca.tracklets import Tracklet


def a_list(query: str, *right: bool) -> RankedList:
    return RankedList(query, tuple(Match(f"g{i}", 0.1 * i, each) for i, each in enumerate(right)))


def some_pairs(*, first: int, both: int, second: int, neither: int) -> list[PairedLists]:
    kinds = [(True, False)] * first + [(True, True)] * both
    kinds += [(False, True)] * second + [(False, False)] * neither
    return [
        PairedLists(a_list(f"q{i}", ours), a_list(f"q{i}", theirs)) for i, (ours, theirs) in enumerate(kinds)
    ]


@pytest.mark.parametrize("protocol", ["cross-camera", "mars-A", "mars-B"])
def test_outcomes_agree_with_rankings_own_first_match(protocol: str) -> None:
    rng = np.random.default_rng(0)

    centres = rng.normal(size=(6, 8))

    def tables(rows: int, tag: str) -> list[Embeddings]:
        """The same tracklets as two systems see them."""
        persons, cameras = rng.integers(1, 6, rows), rng.integers(1, 4, rows)
        keys = tuple(f"{tag}{i}" for i in range(rows))
        noise = 1.5 * rng.normal(size=(2, rows, 8))
        seen = (centres[persons] + noise).astype(np.float32)
        return [Embeddings(each, persons, cameras, keys) for each in seen]

    query, gallery = tables(50, "q"), tables(70, "g")
    lists = [ranked_lists(q, g, k=5, protocol=protocol) for q, g in zip(query, gallery, strict=True)]
    metrics = [rank(q, g, protocol=protocol) for q, g in zip(query, gallery, strict=True)]
    pairs = pair_lists(*lists)
    assert tuple(pair.query for pair in pairs) == metrics[0].keys
    hits = [each.first_match == 1 for each in metrics]
    expected = {
        "only the first": hits[0] & ~hits[1],
        "both": hits[0] & hits[1],
        "only the second": ~hits[0] & hits[1],
        "neither": ~hits[0] & ~hits[1],
    }
    for name, rows in expected.items():
        assert [pair.outcome == name for pair in pairs] == rows.tolist()
    assert count_outcomes(pairs) == {name: rows.sum() for name, rows in expected.items()}
    assert all(count_outcomes(pairs).values()), "the case has all four"


def test_other_queries_make_no_pairs() -> None:
    with pytest.raises(ConfigError, match="1 of them shared"):
        pair_lists([a_list("a", True), a_list("b", True)], [a_list("a", True), a_list("c", True)])


def test_six_are_dealt_as_two_two_and_two() -> None:
    chosen = sample_by_outcome(some_pairs(first=9, both=80, second=5, neither=6), 6)
    assert [pair.outcome for pair in chosen] == [
        "only the first",
        "only the first",
        "both",
        "both",
        "only the second",
        "neither",
    ]
    assert len({pair.query for pair in chosen}) == 6


def test_where_an_outcome_is_missing_the_others_fill_in() -> None:
    chosen = sample_by_outcome(some_pairs(first=1, both=0, second=9, neither=9), 6)
    assert [pair.outcome for pair in chosen] == [OUTCOMES[0]] + [OUTCOMES[2]] * 3 + [OUTCOMES[3]] * 2
    assert len(sample_by_outcome(some_pairs(first=1, both=1, second=0, neither=0), 6)) == 2
    assert sample_by_outcome([], 6) == []


def test_the_deal_is_the_seeds_and_no_one_elses() -> None:
    pairs = some_pairs(first=30, both=30, second=30, neither=30)
    assert sample_by_outcome(pairs, 6, seed=1) == sample_by_outcome(pairs, 6, seed=1)
    assert len({sample_by_outcome(pairs, 4, seed=seed)[0].query for seed in range(40)}) > 15


@pytest.fixture
def tracklets(make_people: Callable[..., Path], tmp_path: Path) -> dict[str, Tracklet]:
    splits = load_dataset("folder", make_people(tmp_path / "people", persons=2))
    everything = [*splits.train, *splits.query, *splits.gallery]
    return {t.key: t for t in everything}


def frames_of(figure: Figure) -> list[tuple[str, str]]:
    """Colour and line of every crop's border."""
    return [
        (to_hex(spine.get_edgecolor()), spine.get_linestyle())
        for spine in (axes.spines["left"] for axes in figure.axes)
    ]


def test_marks_of_right_and_wrong(tracklets: dict[str, Tracklet], tmp_path: Path) -> None:
    keys = list(tracklets)[:4]
    ours = RankedList(keys[0], (Match(keys[1], 0.25, True), Match(keys[2], 12.25, False)))
    theirs = RankedList(keys[0], (Match(keys[3], 0.125, False),))
    pair = PairedLists(ours, theirs)
    everything = [pair, *some_pairs(first=2, both=1, second=0, neither=3)]
    figure = paired_lists_figure(
        [pair], everything, tracklets, labels=("STCA", "2D-CNN"), title="T", aspect=3
    )
    assert frames_of(figure)[1:] == [(RIGHT, "solid"), (WRONG, "dashed"), (WRONG, "dashed")]
    words = "\n".join(text.get_text() for text in figure.texts)
    assert "(a) only STCA right" in words
    assert "all 7 queries: only STCA right: 3, both right: 1, only 2D-CNN right: 0, neither right: 3" in words
    cameras = [tracklets[key].camera_id for key in keys]
    for mark in (f"1 ✓ c{cameras[1]}\n0.250", f"2 ✗ c{cameras[2]}\n12.2", f"1 ✗ c{cameras[3]}\n0.125"):
        assert mark in words
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        box = axes.get_position()
        assert box.height * height / (box.width * width) == pytest.approx(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "pair.png")
        one = ranked_lists_figure([ours], tracklets)
        assert frames_of(one)[1:] == [(RIGHT, "solid"), (WRONG, "dashed")]
        save_figure(one, tmp_path / "one.png")


def test_six_parts_do_not_overlap_and_stay_on_the_page(tracklets: dict[str, Tracklet]) -> None:
    keys = list(tracklets)
    row = tuple(Match(keys[1], 0.5, False) for _ in range(5))
    pairs = [PairedLists(RankedList(keys[0], row), RankedList(keys[0], row))] * 6
    figure = paired_lists_figure(pairs, pairs, tracklets, labels=("a", "b"), aspect=3)
    boxes = [axes.get_position() for axes in figure.axes]
    assert len(boxes) == 6 * 11
    assert all(b.x0 >= 0 and b.x1 <= 1 and b.y0 >= 0 and b.y1 <= 1 for b in boxes)
    for i, a in enumerate(boxes):
        assert not any(a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1 for b in boxes[:i])


def test_names_from_outside_are_drawn_without_warnings(
    tracklets: dict[str, Tracklet], tmp_path: Path
) -> None:
    first = next(iter(tracklets.values()))
    odd = Tracklet(first.frames, first.person_id, first.camera_id, "行人 $x$ \U0001f600 $\\bad{")
    lists = RankedList(odd.key, (Match(odd.key, 0.1, True),))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = paired_lists_figure(
            [PairedLists(lists, lists)], [PairedLists(lists, lists)], {odd.key: odd}, labels=("中", "$b$")
        )
        save_figure(figure, tmp_path / "odd.png")


def test_printable_keeps_what_can_be_drawn() -> None:
    assert printable("0001C1T0002 é ✓") == "0001C1T0002 é ✓"
    assert printable("a$b") == r"a\$b"
    assert printable("\U0001fae0") in ("\U0001fae0", r"\U0001fae0")
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "…cdefg"
