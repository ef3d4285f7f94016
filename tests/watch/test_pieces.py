"""Embedding in pieces: the same vectors, and nobody new waits for the crops of others."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from stca.clips import sample_clips
from stca.gallery.unit_vectors import unit_vectors
from stca.watch.people.embedding import SharedEmbedder, unit_vector
from stca.watch.people.pieces import FIRST, PIECE, Due, Pieces


class ByNumber(SharedEmbedder):
    """The vector of a crop is made from the number in its name; crops below 0 cannot be read."""

    clip_len = 8  # type: ignore[assignment]

    def __init__(self) -> None:
        self.asked: list[dict[str, int]] = []

    def means(self, crops: Mapping[str, Sequence[Path]]) -> dict[str, np.ndarray]:
        self.asked.append({key: len(paths) for key, paths in crops.items()})
        numbers = {key: [int(path.name) for path in paths] for key, paths in crops.items()}
        return {key: mean(some) for key, some in numbers.items() if max(some) >= 0}


def mean(numbers: Sequence[int]) -> np.ndarray:
    """Over dense clips."""
    vectors = np.array([[np.sin(n), np.cos(3 * n), n % 7] for n in numbers], np.float32)
    return vectors[sample_clips(len(numbers), 8, mode="dense")].mean(axis=(0, 1))


def unit(numbers: Sequence[int]) -> np.ndarray:
    return mean(numbers) / np.linalg.norm(mean(numbers))


def due(key: str, count: int, *, new: bool = False, start: int = 0) -> Due:
    return Due(key, tuple(Path(str(start + number)) for number in range(count)), new)


@pytest.mark.parametrize("count", [1, 7, 8, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 13])
def test_pieces_add_up_to_the_whole(count: int) -> None:
    pieces = Pieces(ByNumber())
    steps = 0
    while not (found := pieces.embed([due("a", count)])):
        steps += 1
    assert steps == (count - 1) // PIECE
    assert found["a"].whole
    assert found["a"].vector == pytest.approx(unit(range(count)), abs=1e-6)


class Opposite(ByNumber):
    """The second piece is the first one turned round."""

    def means(self, crops: Mapping[str, Sequence[Path]]) -> dict[str, np.ndarray]:
        sign = 1 if min(int(path.name) for path in crops["a"]) == 0 else -1
        return {"a": np.array([sign, 2 * sign, 0], np.float32)}


def test_pieces_that_cancel_out_have_no_direction() -> None:
    pieces = Pieces(Opposite())
    assert pieces.embed([due("a", 2 * PIECE)]) == {}
    (through,) = pieces.embed([due("a", 2 * PIECE)]).values()
    assert (through.vector, through.whole) == (None, True), "no vector, rather than one that is not a number"


def test_a_vector_is_scaled_as_the_gallery_scales_it() -> None:
    rows = np.random.default_rng(3).normal(size=(2000, 7)).astype(np.float32)
    mine = np.stack([unit_vector(row) for row in rows])
    assert np.array_equal(mine, unit_vectors(rows, dim=7, where="here"))


def test_who_is_new_is_told_at_once_from_a_few_crops_and_again_from_all() -> None:
    embedder = ByNumber()
    pieces = Pieces(embedder)
    long = due("long", 500)
    assert pieces.embed([long]) == {}
    found = pieces.embed([due("new", 100, new=True), long])
    assert list(found) == ["new"]
    assert not found["new"].whole
    assert embedder.asked[-1] == {"new": FIRST, "long": PIECE - FIRST}
    left = [due("new", 100), long]
    through: dict[str, np.ndarray] = {}
    while left:
        for key, one in pieces.embed(left).items():
            assert one.whole
            through[key] = one.vector
        left = [each for each in left if each.key not in through]
    assert max(sum(asked.values()) for asked in embedder.asked) <= PIECE
    for key, count in (("new", 100), ("long", 500)):
        assert through[key] == pytest.approx(
            mean(range(count)) / np.linalg.norm(mean(range(count))), abs=1e-6
        )


def test_other_crops_begin_anew_and_unreadable_ones_end() -> None:
    pieces = Pieces(ByNumber())
    assert pieces.embed([due("a", 100)]) == {}
    assert pieces.embed([due("a", 100, start=1)]) == {}, "it is another task"
    (found,) = pieces.embed([due("a", 100, start=1)]).values()
    assert found.vector == pytest.approx(unit(range(1, 101)), abs=1e-6)
    for new in (False, True):
        (found,) = pieces.embed([due("b", 20, start=-20, new=new)]).values()
        assert (found.vector, found.whole) == (None, True)
    assert pieces.embed([]) == {}
