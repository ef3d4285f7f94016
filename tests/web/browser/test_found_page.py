"""The page of `stca find` in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stca.find import FindOptions, find_people
from stca.tracking import TrackOptions
from street import Walker, write_street

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue walk past the first camera at one time, blue and green past the second."""
    folder = tmp_path_factory.mktemp("videos")
    write_street(folder / "door.avi", [Walker(RED, 30, 200, 2.5), Walker(BLUE, 290, 120, -2.5)], 40)
    write_street(folder / "yard.avi", [Walker(BLUE, 30, 210, 2.5), Walker(GREEN, 290, 130, -2.5)], 40)
    options = FindOptions(
        tracking=TrackOptions(detector="street:colours"), model="colour_histogram", threshold=0.5, workers=0
    )
    return find_people([str(folder / "door.avi"), str(folder / "yard.avi")], folder / "out", options).page


@pytest.fixture
def page(browser: Browser, found: Path) -> Page:
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(found.absolute().as_uri())
    assert errors == []
    return page


def test_an_answer_is_compared_with_what_was_chosen(page: Page) -> None:
    for number in range(page.locator("main .tracklet").count()):
        chosen = page.locator("main .tracklet").nth(number)
        pictures = chosen.locator("img").evaluate_all("all => all.map(each => each.src)")
        chosen.click()
        assert page.locator("#own img").evaluate_all("all => all.map(each => each.src)") == pictures
        same, together = page.locator("#found .score.same"), page.get_by_text("seen at the same time")
        assert together.count() == 1, "somebody else stood in the same picture"
        told = page.locator("#meaning").inner_text()
        assert told.startswith(
            f"{same.count()} of the 3 most similar reach" if same.count() else "Nobody reaches"
        )
        page.get_by_role("button", name="Close").click()


def test_a_person_of_two_videos_has_a_time_line_of_each(page: Page) -> None:
    page.locator("#least").select_option("c")
    assert page.locator("main section").count() == 1, "blue"
    line = page.get_by_role("img", name="When each camera saw this person")
    assert line.locator("rect").count() == 2
    assert "beginning of each video" in (line.text_content() or "")
    assert "0.500 (given)" in page.locator("p").first.inner_text()
