import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stca.errors import DatasetError, FrameError
from stca.footage.sources import Frame
from stca.tracking.detection import detect_frames, read_ahead, read_boxes, record_boxes
from stca.tracking.detectors.detections import Detections
from stca.tracking.external_tracks import read_external_tracks, with_external_tracks


def frames(count: int, *, error: Exception | None = None) -> Iterator[Frame]:
    for number in range(1, count + 1):
        yield Frame(number, number / 10, np.full((4, 4, 3), number, np.uint8))
    if error:
        raise error


class Counting:
    """Finds as many boxes as the image is bright; slower for some, so that answers overtake each other."""

    name = "counting"

    def __init__(self, *, stateful: bool = False) -> None:
        self.stateful = stateful
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def detect(self, image: np.ndarray) -> Detections:
        count = int(image[0, 0, 0])
        self.asked.append(count)
        self.threads.add(threading.get_ident())
        time.sleep(0.01 if count % 3 == 0 else 0)
        if count == 99:
            raise FrameError("no such luck")
        return Detections(np.full((count, 4), count, np.float32), np.full(count, 0.5, np.float32))


@pytest.mark.parametrize("stateful", [True, False])
def test_answers_are_in_order(stateful: bool) -> None:
    detector = Counting(stateful=stateful)
    pairs = list(detect_frames(read_ahead(frames(30), live=False), detector))
    assert [frame.number for frame, _ in pairs] == list(range(1, 31))
    assert [len(found) for _, found in pairs] == list(range(1, 31))
    if stateful:
        assert detector.asked == list(range(1, 31))
        assert len(detector.threads) == 1


def test_errors_of_the_decoder_and_the_detector_arrive() -> None:
    ahead = read_ahead(frames(5, error=FrameError("broken")), live=False)
    assert [next(ahead).number for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(FrameError, match="broken"):
        next(ahead)
    with pytest.raises(FrameError, match="no such luck"):
        list(detect_frames(frames(120), Counting()))


def test_the_decoder_stops_when_nobody_wants_more() -> None:
    before = threading.active_count()
    ahead = read_ahead(frames(10_000), live=False)
    next(ahead)
    ahead.close()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_a_camera_loses_the_oldest_frames() -> None:
    ahead = read_ahead(frames(200), live=True)
    next(ahead)
    time.sleep(0.5)
    rest = [frame.number for frame in ahead]
    assert rest == sorted(rest)
    assert rest[-1] == 200
    assert len(rest) < 20


def test_known_boxes_are_not_looked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "boxes"
    list(record_boxes(detect_frames(frames(10), Counting()), path, read_boxes(path)))
    whole = path.read_bytes()
    assert [len(found) for found in read_boxes(path).values()] == list(range(1, 11))
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 1, len(whole)):  # wherever it was killed
        path.write_bytes(whole[:length])
        detector, known = Counting(), read_boxes(path)
        pairs = list(record_boxes(detect_frames(frames(10), detector, known=known), path, known))
        assert [len(found) for _, found in pairs] == list(range(1, 11))
        assert sorted([*detector.asked, *known]) == list(range(1, 11))
        assert path.read_bytes() == whole


GIVEN = """1,5,10,20,30,40,1,1,1
1,6,50,20,30,40,0,1,1
2,5,11,20,30,40,0.5,1,1
2,5,90,20,30,40,1,1,1
3,7,10,20,30,40,1,2,1
hello
"""


def test_given_tracks(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(GIVEN)
    with pytest.warns(UserWarning, match="1 malformed rows"):
        given = read_external_tracks(path).boxes
    pairs = list(with_external_tracks(frames(3), given))
    assert [numbers.tolist() for _, (_, numbers) in pairs] == [[5], [5], []]
    assert pairs[1][1][0].boxes.tolist() == [[11, 20, 41, 60]]
    assert pairs[1][1][0].scores.tolist() == [0.5]


def test_given_tracks_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("3,7,10,20,30,40,1,2,1\n")
    with pytest.raises(DatasetError, match="of a person"):
        read_external_tracks(tmp_path / "gt.txt")
    with pytest.raises(DatasetError, match="Cannot read tracks"):
        read_external_tracks(tmp_path / "none.txt")
