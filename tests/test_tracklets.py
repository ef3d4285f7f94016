import dataclasses
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca.errors import DatasetError, RankingError
from stca.tracklets import Embeddings, Splits, Tracklet


def tracklet(key: str, person: int = 1, camera: int = 1, frames: int = 2) -> Tracklet:
    return Tracklet(tuple(Path(f"{key}/{i}.jpg") for i in range(frames)), person, camera, key)


def embeddings(count: int, dim: int = 3, prefix: str = "k") -> Embeddings:
    rng = np.random.default_rng(count)
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    return Embeddings(
        vectors, np.arange(count) % 4, np.arange(count) % 2, tuple(f"{prefix}{i}" for i in range(count))
    )


def assert_equal(a: Embeddings, b: Embeddings) -> None:
    np.testing.assert_array_equal(a.vectors, b.vectors)
    np.testing.assert_array_equal(a.person_ids, b.person_ids)
    np.testing.assert_array_equal(a.camera_ids, b.camera_ids)
    assert a.keys == b.keys


def test_a_tracklet_is_frozen_hashable_and_prints_itself() -> None:
    one = tracklet("a", person=7, camera=3, frames=5)
    assert len(one) == 5
    assert repr(one) == "Tracklet('a', person 7, camera 3, 5 frames)"
    assert {one, tracklet("a", person=7, camera=3, frames=5)} == {one}
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.person_id = 8  # type: ignore[misc]


def test_a_tracklet_needs_frames_and_a_key() -> None:
    with pytest.raises(DatasetError, match=r"no frames[\s\S]*where: +mine"):
        tracklet("mine", frames=0)
    with pytest.raises(DatasetError, match="empty key"):
        tracklet("")


def test_splits_count_persons_and_cameras_and_show_their_notes() -> None:
    train = (tracklet("a", 1, 1), tracklet("b", 1, 2), tracklet("c", 2, 2, frames=9))
    splits = Splits(
        "toy", train, train[:1], (*train, tracklet("d", 0, 5), tracklet("e", -1, 1)), notes={"lost": 3}
    )
    rows = [line.split() for line in repr(splits).splitlines()]
    assert rows == [
        ["toy", "persons", "tracklets", "frames", "cameras"],
        ["train", "2", "3", "13", "2"],
        ["query", "1", "1", "2", "1"],
        ["gallery", "2", "5", "17", "3"],  # distractors and junk are no persons
        ["3", "lost"],
    ]


@pytest.mark.parametrize("part", ["train", "query", "gallery"])
def test_keys_are_unique_within_a_part(part: str) -> None:
    parts = {"train": (), "query": (), "gallery": (), part: (tracklet("a"), tracklet("a", person=2))}
    with pytest.raises(DatasetError, match=f"keys of {part} are not unique"):
        Splits("toy", **parts)


@pytest.mark.parametrize("wrong", ["person_ids", "camera_ids", "keys"])
def test_lengths_are_checked(wrong: str) -> None:
    good = embeddings(6)
    parts = {f.name: getattr(good, f.name) for f in dataclasses.fields(good)}
    parts[wrong] = parts[wrong][:-1]
    with pytest.raises(Exception, match=wrong):  # jaxtyping's check may come before ours
        Embeddings(**parts)


def test_one_camera_id_per_frame_is_caught_with_a_hint() -> None:
    good = embeddings(3)
    per_frame = object.__new__(Embeddings)  # past jaxtyping, which is on in tests only
    for name, value in {
        "vectors": good.vectors,
        "person_ids": good.person_ids,
        "camera_ids": np.repeat(good.camera_ids, 8),
        "keys": good.keys,
    }.items():
        object.__setattr__(per_frame, name, value)
    with pytest.raises(RankingError, match="camera ids are per tracklet, not per frame"):
        per_frame.__post_init__()


def test_vectors_must_be_finite_and_the_first_bad_row_is_named() -> None:
    vectors = np.zeros((4, 2), np.float32)
    vectors[1, 0], vectors[3, 1] = np.nan, np.inf
    with pytest.raises(RankingError, match="2 of 4 rows hold NaN or infinity, first 'b'"):
        Embeddings(vectors, np.zeros(4, np.int64), np.zeros(4, np.int64), tuple("abcd"))


@given(st.lists(st.integers(0, 8), max_size=12))
def test_subset_takes_those_rows_in_that_order(rows: list[int]) -> None:
    whole = embeddings(9)
    part = whole.subset(rows)
    assert len(part) == len(rows)
    for place, row in enumerate(rows):
        np.testing.assert_array_equal(part.vectors[place], whole.vectors[row])
        assert part.keys[place] == whole.keys[row]
        assert part.person_ids[place] == whole.person_ids[row]
        assert part.camera_ids[place] == whole.camera_ids[row]


def test_concatenate_puts_the_parts_back_together() -> None:
    whole = embeddings(7)
    parts = [whole.subset(range(0, 3)), whole.subset(range(3, 3)), whole.subset(range(3, 7))]
    assert_equal(Embeddings.concatenate(parts), whole)


def test_embeddings_print_their_size() -> None:
    assert repr(embeddings(9)) == "Embeddings(9 x 3, 4 persons, 2 cameras)"


def test_saved_embeddings_come_back(tmp_path: Path) -> None:
    whole = embeddings(5, prefix="Käthe/front door/№ ")
    whole.save(tmp_path / "deep" / "e.npz")
    assert_equal(Embeddings.load(tmp_path / "deep" / "e.npz"), whole)


def test_a_file_that_holds_no_embeddings_is_a_clear_error(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    embeddings(50).save(whole)
    truncated, empty, text, array, other, pickled = (tmp_path / f"{i}.npz" for i in range(6))
    truncated.write_bytes(whole.read_bytes()[:-200])
    empty.touch()
    text.write_text("hello")
    with array.open("wb") as file:
        np.save(file, np.zeros(3))
    np.savez(other, vectors=np.zeros((1, 1), np.float32))
    np.savez(
        pickled,
        **dict.fromkeys(("vectors", "person_ids", "camera_ids", "keys"), np.array([{}], dtype=object)),
    )
    for path in (tmp_path / "missing.npz", truncated, empty, text, array, other, pickled):
        with pytest.raises(RankingError, match="Cannot read embeddings"):
            Embeddings.load(path)


@pytest.fixture
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users call it: without the shape and type checks that run in tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, list])
@pytest.mark.parametrize("ids", [np.int16, np.uint8, np.uint64, ">i4", list])
def test_embeddings_of_other_widths_become_float32_and_int64(dtype: type, ids: type) -> None:
    vectors, persons = [[1, 0], [0, 2], [1, 1]], [3, 0, 7]
    made = Embeddings(
        vectors if dtype is list else np.array(vectors, dtype),
        persons if ids is list else np.array(persons, ids),
        persons if ids is list else np.array(persons, ids),
        ("a", "b", "c"),
    )
    assert (made.vectors.dtype, made.person_ids.dtype, made.camera_ids.dtype) == (
        np.float32,
        np.int64,
        np.int64,
    )
    assert made.vectors.tolist() == vectors
    assert made.person_ids.tolist() == made.camera_ids.tolist() == persons


def test_embeddings_as_they_should_be_are_not_copied() -> None:
    one = embeddings(5)
    again = dataclasses.replace(one)
    assert np.shares_memory(one.vectors, again.vectors)
    assert np.shares_memory(one.person_ids, again.person_ids)


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("person_ids", np.array([1.0, 2.0]), "person_ids have a type that cannot be ranked[\\s\\S]*float64"),
        ("person_ids", [1.0, 2.5], "float64"),
        (
            "camera_ids",
            np.array([1, None], dtype=object),
            "camera_ids have a type that cannot be ranked[\\s\\S]*object",
        ),
        ("camera_ids", np.array([True, False]), "bool"),
        ("camera_ids", ["1", "2"], "whole numbers"),
        ("camera_ids", np.array([1, 2**63], np.uint64), "beyond int64"),
        ("person_ids", np.array([[1], [2]]), r"\(2, 1\) int64"),
        ("person_ids", [[1], [1, 2]], "not an array"),
        ("vectors", np.array([["a"], ["b"]]), "vectors have a type that cannot be ranked"),
        ("vectors", np.ones((2, 3), dtype=object), "object"),
        ("vectors", np.ones((2, 3), dtype=np.complex64), "complex64"),
        ("vectors", np.full((2, 3), 1e300), "not finite"),
        ("vectors", [1.0, 2.0], "matrix"),
    ],
)
def test_embeddings_of_another_kind_are_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(RankingError, match=message):
        dataclasses.replace(embeddings(2), **{field: value})
