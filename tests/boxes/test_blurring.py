"""Heads that nobody recognises, and bodies that stay as they are."""

import numpy as np
import pytest

from stca.boxes import blur_head, without_head
from stca.boxes.blurring import head_region


def noisy(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_standing_persons_upper_third() -> None:
    left, top, width, height = head_region((100, 50, 40, 100))
    assert (left, width) == pytest.approx((96, 48))
    assert (top, top + height) == pytest.approx((47, 80))


def test_a_head_and_shoulders_go_whole() -> None:
    _, top, _, height = head_region((0, 0, 80, 60))
    assert top + height >= 60


@pytest.mark.parametrize("size", [(60, 24), (256, 128), (900, 400)])
def test_only_a_few_squares_are_left(size: tuple[int, int]) -> None:
    crop = noisy(*size)
    blurred = without_head(crop)
    _, top, _, down = head_region((0, 0, size[1], size[0]))
    region = round(top + down)
    assert (blurred[region + 2 :] == crop[region + 2 :]).all()
    head = blurred[: region - 1].astype(float)
    assert head.std() < 0.25 * crop[: region - 1].std(), "averages of noise are grey"
    steps = np.abs(np.diff(head, axis=1)).max()
    assert steps < 12, "no edge is left that a person's eyes could follow"


def test_nothing_comes_back_of_two_pictures_of_equal_squares() -> None:
    """What differs within a square alone is gone: nothing can tell the two apart."""
    one = np.zeros((400, 160, 3), np.uint8)
    other = one.copy()
    one[::2], other[1::2] = 200, 200
    difference = np.abs(without_head(one)[:110].astype(int) - without_head(other)[:110])
    assert difference.max() <= 12


@pytest.mark.parametrize(
    "box", [(-30, -20, 60, 150), (90, 70, 200, 300), (500, 500, 10, 10), (10.4, 5.5, 0.2, 0.3)]
)
def test_boxes_beyond_the_image(box: tuple[float, float, float, float]) -> None:
    image = noisy(100, 120)
    before = image.copy()
    blur_head(image, box)
    left, top, width, height = head_region(box)
    outside = np.ones(image.shape[:2], bool)
    outside[
        max(int(top), 0) : max(int(top + height) + 1, 0),
        max(int(left) - 1, 0) : max(int(left + width) + 1, 0),
    ] = False
    assert (image[outside] == before[outside]).all()
