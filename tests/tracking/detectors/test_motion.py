import numpy as np
import pytest

from stca.boxes import overlaps
from stca.tracking.detectors.motion import MotionDetector, Perspective, _cluster
from street import HEIGHT, WIDTH, Walker, render, truth

pytest.importorskip("cv2")

RED, BLUE = (190, 40, 50), (40, 60, 190)


def hits(walkers: list[Walker], frames: int, *, after: int = 1, shadows: bool = False) -> tuple[float, float]:
    """Of everybody's boxes, how many were found (IoU 0.5); and how many were found that nobody is in."""
    detector = MotionDetector()
    rows = truth(walkers, frames)
    found = wanted = false = 0
    for frame in range(1, frames + 1):
        boxes = detector.detect(render(walkers, frame, shadows=shadows)).boxes.astype(float)
        true = np.array(
            [(r.left, r.top, r.left + r.width, r.top + r.height) for r in rows if r.frame == frame]
        )
        true = true.reshape(-1, 4)
        if frame > after:
            shared = overlaps(true, boxes)
            found += int((shared.max(axis=1, initial=0) > 0.5).sum())
            false += int((shared.max(axis=0, initial=0) < 0.3).sum())
            wanted += len(true)
    return found / max(1, wanted), false / max(1, wanted)


def test_two_people_apart() -> None:
    walkers = [
        Walker(RED, 60, 200, 2.0, first=50, last=140),
        Walker(BLUE, 260, 120, -2.0, first=55, last=140),
    ]
    right, false = hits(walkers, 140)
    assert right > 0.9
    assert false < 0.05


def test_shadows_are_removed() -> None:
    walkers = [Walker(RED, 40, 180, 2.0, first=50)]
    assert hits(walkers, 130, shadows=True)[0] > 0.9


def test_two_people_side_by_side() -> None:
    """After single people taught it how high people are."""
    single = [Walker(RED, 20, 200, 5.0, first=10, last=70)]
    pair = [Walker(RED, 60, 200, 2.0, first=80), Walker(BLUE, 82, 202, 2.0, first=80)]
    right, false = hits([*single, *pair], 150, after=85)
    assert right > 0.8
    assert false < 0.1


def test_a_person_behind_a_rail_is_one_detection() -> None:
    detector, counts = MotionDetector(), []
    walkers = [Walker(RED, 40, 200, 3.0, first=10)]
    for frame in range(1, 90):
        image = render(walkers, frame)
        image[175:181] = 90  # a rail before the legs, all the time
        counts.append(len(detector.detect(image)))
    assert np.mean(np.array(counts[40:85]) == 1) > 0.9


def test_an_empty_scene() -> None:
    detector = MotionDetector()
    assert sum(len(detector.detect(render([], frame))) for frame in range(1, 40)) == 0


def test_a_single_image_has_no_motion() -> None:
    assert len(MotionDetector().detect(render([Walker(RED, 100, 200, 0)], 1))) == 0


def test_a_change_of_size_resets_the_background() -> None:
    detector = MotionDetector()
    for frame in range(1, 30):
        detector.detect(render([], frame))
    assert len(detector.detect(render([], 1)[:200, :200])) == 0
    assert len(detector.detect(np.zeros((7, 900, 3), np.uint8))) == 0


def test_the_perspective_is_learned_despite_parts_of_people() -> None:
    """Height 0.4 row + 5; a third of the samples are parts of people."""
    rng = np.random.default_rng(1)
    perspective = Perspective()
    assert perspective.height(100) is None
    for _ in range(400):
        row = rng.uniform(50, HEIGHT)
        height = (
            (0.4 * row + 5) * rng.normal(1, 0.04) * (rng.uniform(0.4, 0.7) if rng.uniform() < 0.33 else 1)
        )
        perspective.learn(row, height, 0.5 * 0.38 * height**2)
    for row in (60, 120, 230):
        assert perspective.height(row) == pytest.approx(0.4 * row + 5, rel=0.12)
        height = perspective.height(row)
        assert perspective.height_below(row - height) == pytest.approx(height, rel=1e-6)


def test_people_at_one_distance_only_make_no_slope() -> None:
    rng = np.random.default_rng(1)
    perspective = Perspective()
    for _ in range(100):
        perspective.learn(150 + rng.normal(0, 0.5), 60 * rng.normal(1, 0.05), 600)
    assert perspective.height(150) == pytest.approx(60, rel=0.1)


def test_clusters() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(centre, 0.15, (100, 2)) for centre in ((0, 0), (1.5, 0.1), (3, 0))]
    nearest = _cluster(np.concatenate(groups), 3)
    assert [set(nearest[i : i + 100].tolist()) for i in (0, 100, 200)] == [{0}, {1}, {2}]


def test_results_are_deterministic() -> None:
    walkers = [Walker(RED, 60, 200, 2.0), Walker(BLUE, 90, 190, 2.0)]
    images = [render(walkers, frame) for frame in range(1, 60)]
    first, second = (
        [d.detect(image).boxes for image in images] for d in (MotionDetector(), MotionDetector())
    )
    assert sum(map(len, first)) > 20
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all((b[:, [0, 2]] <= WIDTH + 10).all() for b in first)
