import numpy as np
import pytest

from stca.tracking import quality

cv2 = pytest.importorskip("cv2")


def test_visible_as_counted_point_by_point() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        corner = rng.uniform(0, 100, (6, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(10, 80, (6, 2))], axis=1)
        wanted = []
        for left, top, right, bottom in boxes:
            seen = 0
            for row in range(16):
                for column in range(8):
                    x = left + (column + 0.5) / 8 * (right - left)
                    y = top + (row + 0.5) / 16 * (bottom - top)
                    seen += not any(a <= x <= c and b <= y <= d and d > bottom for a, b, c, d in boxes)
            wanted.append(seen / 128)
        np.testing.assert_allclose(quality.visible(boxes), wanted)


def test_only_people_cover_others() -> None:
    boxes = np.array([[0.0, 0, 10, 20], [0, 5, 10, 25], [0, 10, 10, 30]])
    assert quality.visible(boxes, people=np.array([True, True, True])).tolist() == [0.25, 0.25, 1.0]
    assert quality.visible(boxes, people=np.array([True, False, True])).tolist() == [0.5, 0.25, 1.0]
    assert quality.visible(boxes, people=np.zeros(3, bool)).tolist() == [1.0, 1.0, 1.0]


def test_visible_of_nobody_and_of_one() -> None:
    assert quality.visible(np.zeros((0, 4))).shape == (0,)
    assert quality.visible(np.array([[0.0, 0.0, 10.0, 10.0]])).tolist() == [1.0]


def test_inside() -> None:
    boxes = np.array([[0, 0, 10, 10], [-5, 0, 5, 10], [95, 45, 105, 55], [200, 0, 210, 9]], float)
    assert quality.inside(boxes, 100, 50).tolist() == [1.0, 0.5, 0.25, 0.0]


def test_size() -> None:
    boxes = np.array([[0, 0, 5, h] for h in (10, 24, 76, 128, 500)], float)
    assert quality.size(boxes).tolist() == [0, 0, 0.5, 1, 1]


def test_blur_lowers_sharpness() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (80, 30, 3)).astype(np.uint8)
    scores = [quality.sharpness(cv2.GaussianBlur(sharp, (k, k), 0) if k > 1 else sharp) for k in (1, 5, 15)]
    assert scores[0] > scores[1] > scores[2]
    assert 0 <= scores[2] < 0.5 < scores[0] <= 1
    assert quality.sharpness(np.full((80, 30, 3), 90, np.uint8)) == 0
    assert quality.sharpness(np.zeros((0, 0, 3), np.uint8)) == 0


def test_usable() -> None:
    good = {"sharpness": 0.5, "size": 0.5, "inside": 1.0, "visible": 1.0}
    assert quality.is_usable(good)
    for name in good:
        assert not quality.is_usable({**good, name: 0.05})


def test_colour_histograms_tell_clothes_apart() -> None:
    rng = np.random.default_rng(0)

    def person(above: tuple[int, int, int], below: tuple[int, int, int]) -> np.ndarray:
        image = np.repeat([above, below], 40, axis=0)[:, None].repeat(30, axis=1)
        return (image + rng.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)

    first, again, other = (
        quality.colour_histogram(person(*c))
        for c in (((200, 30, 30), (20, 20, 90)),) * 2 + (((30, 30, 30), (20, 20, 90)),)
    )
    assert np.linalg.norm(first) == pytest.approx(1)
    assert first @ again > 0.95
    assert 0.3 < first @ other < 0.7, "the same trousers"


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 1, 3), (1, 9, 3)])
def test_looks_of_the_smallest_crops(shape: tuple[int, ...]) -> None:
    assert np.isfinite(quality.colour_histogram(np.full(shape, 77, np.uint8))).all()
