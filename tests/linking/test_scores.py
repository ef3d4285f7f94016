"""Scores over all cameras together, on tracks whose scores can be worked out by hand."""

import dataclasses

import pytest

from stca.boxes import MotRow
from stca.errors import GalleryError
from stca.linking.scores import score_links

pytest.importorskip("trackeval")


def walk(track: int, first: int, last: int, left: float = 0.0) -> list[MotRow]:
    return [MotRow(frame, track, left + frame, 10.0, 20.0, 50.0) for frame in range(first, last + 1)]


TRUTH = {"cam1": walk(1, 1, 10) + walk(2, 1, 10, left=200), "cam2": walk(1, 21, 30)}


def test_one_id_everywhere_is_perfect() -> None:
    scores = score_links(TRUTH, TRUTH)
    assert (scores.idf1, scores.hota, scores.ids, scores.truth_ids) == (1.0, 1.0, 2, 2)


def test_before_linking_everybody_is_found_once() -> None:
    # Of person 1 only the 10 boxes of one camera count: 20 of 30 boxes on both sides.
    later = [dataclasses.replace(row, track=9) for row in TRUTH["cam2"]]
    scores = score_links(TRUTH, {**TRUTH, "cam2": later})
    assert scores.idf1 == pytest.approx(2 * 20 / (30 + 30))
    assert scores.ids == 3
    assert scores.deta == pytest.approx(1)
    # Association of a box: 10 of 10 for person 2; 10 right, 10 elsewhere for person 1.
    assert scores.assa == pytest.approx((10 * 1 + 20 * 0.5) / 30)


def test_two_people_made_one_cost_what_they_are_worth() -> None:
    later = [dataclasses.replace(row, frame=row.frame + 40) for row in walk(2, 1, 10, left=200)]
    truth = {"cam1": walk(1, 1, 10) + later, "cam2": walk(1, 21, 30)}
    tracks = {camera: [dataclasses.replace(row, track=7) for row in rows] for camera, rows in truth.items()}
    assert score_links(truth, tracks).idf1 == pytest.approx(2 * 20 / (30 + 30))


def test_a_huge_frame_number_costs_no_time() -> None:
    truth = {**TRUTH, "cam2": [dataclasses.replace(TRUTH["cam2"][0], frame=2 * 10**15)]}
    assert score_links(truth, truth).hota == 1.0


def test_one_person_twice_in_a_frame_is_no_track() -> None:
    tracks = {"cam1": [dataclasses.replace(row, track=7) for row in TRUTH["cam1"]]}
    with pytest.raises(GalleryError, match="track id occurs twice in a frame"):
        score_links(TRUTH, tracks)


def test_rows_that_do_not_count_and_cameras_that_saw_nobody() -> None:
    ignored = [dataclasses.replace(row, confidence=0.0) for row in walk(3, 1, 5, left=400)]
    truth = {**TRUTH, "cam1": [*TRUTH["cam1"], *ignored], "cam3": []}
    assert score_links(truth, TRUTH).idf1 == 1.0
    assert score_links(truth, {"cam1": TRUTH["cam1"]}).idf1 == pytest.approx(2 * 20 / (30 + 20))
