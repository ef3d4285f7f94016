"""A threshold from people whom one camera sees at once."""

from pathlib import Path

import numpy as np
import pytest

from stca.gallery import Calibration, Gallery, ModelFingerprint, Record, cross_camera
from stca.linking.linking import find_persons, link
from stca.linking.outputs import threshold_note
from stca.linking.threshold import (
    AT_ONCE,
    FEW,
    LEAST_PAIRS,
    PUBLIC,
    RARE,
    default_threshold,
    threshold_of_pairs,
)
from stca.models import load_pretrained


def crowd(people: int, visits: int, *, shared: float = 0.0, seed: int = 0) -> tuple[list[Record], np.ndarray]:
    """People who all come to two cameras `visits` times; `shared` makes everybody alike."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(people, 64)) + shared * rng.normal(size=64)
    records, vectors = [], []
    for visit in range(visits):
        for person in range(people):
            camera, begin = f"cam{visit % 2}", 100.0 * visit + 0.5 * person
            records.append(Record(f"{camera}/{person}-{visit}", camera, begin, begin + 20))
            vectors.append(looks[person] + 0.4 * rng.normal(size=64))
    return records, np.array(vectors, np.float32)


@pytest.mark.parametrize("shared", [0.0, 1.5])
def test_people_are_told_apart_whatever_the_network_gives_strangers(shared: float) -> None:
    records, vectors = crowd(12, 4, shared=shared)
    threshold = threshold_of_pairs(records, vectors)
    assert threshold is not None
    linking = link(records, vectors, threshold=threshold)
    assert len(linking.persons) == 12
    assert all(len({r.key.split("/")[1].split("-")[0] for r in group}) == 1 for group in linking.persons)


def test_by_hand() -> None:
    """Median and lower quartile of the cosines of pairs of one camera that overlap, normal beyond."""
    from scipy.stats import norm

    records, vectors = crowd(15, 3, seed=1)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = []
    for i, a in enumerate(records):
        for j, b in enumerate(records[:i]):
            assert a.first is not None
            assert b.first is not None
            assert a.last is not None
            assert b.last is not None
            if a.camera == b.camera and a.first <= b.last and b.first <= a.last:
                cosines.append(float(unit[i] @ unit[j]))
    median, quartile = np.quantile(cosines, [0.5, 0.25])
    expected = norm.ppf(1 - 1 / len(records), median, (median - quartile) / norm.ppf(0.75))
    assert threshold_of_pairs(records, vectors) == pytest.approx(expected, abs=1e-5)


def test_a_person_followed_twice_now_and_then_changes_little() -> None:
    records, vectors = crowd(20, 4)
    before = threshold_of_pairs(records, vectors)
    again = [Record(record.key + "b", record.camera, record.first, record.last) for record in records[::10]]
    after = threshold_of_pairs([*records, *again], np.vstack([vectors, vectors[::10]]))
    assert before is not None
    assert after == pytest.approx(before, abs=0.05)


def test_too_few_pairs_and_other_clocks_say_nothing() -> None:
    records, vectors = crowd(10, 1)
    assert LEAST_PAIRS > 10 * 9 // 2
    assert threshold_of_pairs(records, vectors) is None
    records, vectors = crowd(20, 2)
    apart = [Record(r.key, r.camera, r.first, r.last, clock=r.key) for r in records]
    assert threshold_of_pairs(records, vectors) is not None
    assert threshold_of_pairs(apart, vectors) is None
    unknown = [Record(r.key, r.camera) for r in records]
    assert threshold_of_pairs(unknown, vectors) is None


def test_the_higher_one_of_people_seen_at_once_and_of_public_sets_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records, vectors = crowd(20, 4)
    own = threshold_of_pairs(records, vectors)
    assert own is not None
    network, asked = ModelFingerprint.bare(64), []
    for scores, expected in (
        (None, (own, AT_ONCE)),
        ({"a": own - 0.2, "b": own}, (own, AT_ONCE)),
        ({"a": own, "b": own + 0.2}, (own + 0.1, PUBLIC)),
    ):

        def of_share(fingerprint, share, *, source, scores=scores):
            asked.append((fingerprint, share, source))
            return scores

        monkeypatch.setattr("stca.linking.threshold.scores_of_share", of_share)
        assert default_threshold(records, vectors, network, source="net") == pytest.approx(expected)
    assert set(asked) == {(network, 1 / (RARE * len(records)), "net")}
    few = default_threshold(records[:3], vectors[:3], network)
    assert few == pytest.approx((own + 0.1, PUBLIC))
    monkeypatch.setattr("stca.linking.threshold.scores_of_share", lambda *_, **__: None)
    assert default_threshold(records[:3], vectors[:3], network) is None


def test_the_packages_network_has_a_threshold_for_linking_that_grows_with_the_gallery() -> None:
    network = ModelFingerprint.of(load_pretrained())
    records, _ = crowd(200, 2)
    found = []
    for count in (FEW, 2 * FEW, 400):
        chosen = default_threshold(records[:count], np.eye(512, dtype=np.float32)[:count], network)
        assert chosen is not None
        assert chosen[1] == PUBLIC, "strangers are at a right angle here"
        found.append(chosen[0])
    assert found == sorted(set(found))
    assert 0.3 < found[0] < found[-1] < 0.7
    few = default_threshold(records[:2], np.eye(512, dtype=np.float32)[:2], network)
    assert few == (found[0], PUBLIC)


def test_a_linking_says_where_its_threshold_is_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    several = [Record(f"a/{number:04d}", "a", 0.0, 1.0) for number in range(8)]
    network = "person-reidentification-retail-0277"
    with Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(16), source=network) as gallery:
        gallery.add(several, rng.normal(size=(8, 16)).astype(np.float32))
        linking = find_persons(gallery)
        assert threshold_note(linking) == (
            f"threshold {linking.threshold:.3f}: from public sets, on which this network was scored"
        )
        gallery.set_calibration(Calibration(0.61, 0.01, "time split", 30, 100, 3, 1.0, 1.0, 1.0))
        origins = [find_persons(gallery).origin]
        monkeypatch.setattr(cross_camera, "_scores_of", lambda *_: None)
        origins.append(find_persons(gallery).origin)
        with monkeypatch.context() as patched:
            patched.setattr("stca.linking.threshold.LEAST_PAIRS", 1)
            origins.append(find_persons(gallery).origin)
            gallery.set_calibration(Calibration(0.62, 0.01, "labels", 30, 100, 3, 1.0, 1.0, 1.0))
            origins.append(find_persons(gallery).origin)
        assert origins == [
            "from public sets, on which this network was scored",
            "the gallery's calibration, from tracklets cut in two",
            "from people whom one camera of this gallery sees at once",
            "the gallery's calibration, from labels",
        ]
        assert threshold_note(find_persons(gallery, threshold=0.7)) == "threshold 0.700: given"
