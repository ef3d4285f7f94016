"""Following, correcting and understanding."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from browsing import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


@pytest.fixture(autouse=True)
def _all_is_undone(site: Any) -> Iterator[None]:
    yield
    from stca.linking.persons import undo

    for made in reversed(site.state.gallery.corrections()):
        if made.counts:
            undo(site.state.gallery, made.id)


def twice(site: Any) -> tuple[int, list[str]]:
    return next((number, keys) for number, keys in site.persons().items() if len(keys) > 1)


def test_an_answer_is_judged_and_the_verdict_undone(open_page: Open, site: Any) -> None:
    _, keys = twice(site)
    page = open_page(f"/search?key={keys[0]}")
    first = page.locator("[data-answer]").first
    first.get_by_role("button", name="Wrong").click()
    page.locator(".answer:first-child .toggle.bad[aria-pressed=true]").wait_for()
    assert site.state.gallery.corrections()[-1].kind == "different"
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**key={keys[0]}")
    assert page.locator("[aria-pressed=true].toggle").count() == 0
    assert not site.state.gallery.corrections()[-1].counts


def test_a_person_is_named_and_followed(open_page: Open, site: Any) -> None:
    number, keys = twice(site)
    page = open_page(f"/people/{number}")
    page.get_by_text("Give a name").click()
    page.get_by_label("Name", exact=True).fill("Blue")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Blue", level=1).wait_for()
    page.get_by_text("Named Blue").wait_for()
    assert "done=" not in page.url
    marks = page.locator(".timeline-row a")
    assert marks.count() == len(keys)
    assert page.locator(".journey li").count() == len({key.split("/")[0] for key in keys})
    for label, kind in (("PNG", "image/png"), ("PDF", "application/pdf"), ("CSV", "text/csv")):
        address = page.get_by_role("link", name=re.compile(label)).get_attribute("href")
        answer = page.request.get(str(address))
        assert answer.ok
        assert answer.headers["content-type"].startswith(kind)
    marks.first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/tracklets/**")


def test_two_are_merged_and_split_again(open_page: Open, site: Any) -> None:
    number, keys = twice(site)
    other = next(each for each in site.persons() if each != number)
    page = open_page(f"/people/{number}")
    page.get_by_role("link", name="Merge").click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")
    page.get_by_role("link", name="Merge").click()
    dialog.get_by_label("Name or number").fill(str(other))
    dialog.get_by_role("button", name="Search").click()
    dialog.get_by_role("button", name=f"Person {other} is the same person").click()
    page.get_by_text("Two people merged").wait_for()
    (added,) = set(site.persons()[number]) - set(keys)
    split = page.get_by_role("button", name="Make them another person")
    assert split.is_disabled()
    page.get_by_label(f"Mark {added}").check()
    split.click()
    page.get_by_text("Sightings made another person").wait_for()
    assert set(site.persons()[number]) == set(keys)


def test_all_of_a_person_is_marked_and_hidden(open_page: Open, site: Any) -> None:
    number, keys = twice(site)
    page = open_page(f"/people/{number}")
    page.get_by_role("button", name="Mark all").click()
    page.get_by_text(f"{len(keys)} marked").wait_for()
    page.get_by_role("button", name="Hide").click()
    page.get_by_role("heading", name="Who are you looking for?").wait_for()
    assert site.state.gallery.hidden() == set(keys)


def test_somebody_is_hidden_from_the_wall(open_page: Open, site: Any) -> None:
    number, keys = twice(site)
    page = open_page("/")
    page.get_by_role("button", name=f"Hide Person {number}", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("Hidden", exact=True).wait_for()
    assert site.state.gallery.hidden() == set(keys)


def test_a_poster_is_hidden_and_shown(open_page: Open, site: Any) -> None:
    key = site.keys()[0]
    page = open_page(f"/tracklets/{key}")
    page.get_by_role("button", name="Hide").click()
    page.get_by_text("This sighting is hidden").wait_for()
    assert site.state.gallery.hidden() == {key}
    page.goto("/gallery")
    page.get_by_role("button", name=f"Show {key} again").click()
    page.get_by_text("0 hidden sightings").wait_for()
    page.goto("/corrections")
    page.get_by_role("button", name="Undo correction").first.click()
    page.locator(".log > :first-child.is-undone").wait_for()
    assert site.state.gallery.hidden() == {key}


def test_why_an_answer_is_one(open_page: Open, site: Any) -> None:
    _, keys = twice(site)
    page = open_page(f"/tracklets/{keys[1]}?query={keys[0]}")
    page.locator("#why-title").scroll_into_view_if_needed()
    until(page, "document.querySelector('.why.is-loaded') || !document.querySelector('.why')")
    assert page.locator(".answer-score.big strong").inner_text()
    page.goto("/gallery")
    page.get_by_text("colour_histogram").wait_for()
    assert page.locator(".huge").inner_text() == "0.50"
    assert page.locator("tbody tr").count() == 2


def test_forms_work_before_any_script(open_page: Open, site: Any) -> None:
    number, keys = twice(site)
    page = open_page(f"/search?key={keys[0]}", java_script_enabled=False)
    page.locator("[data-answer]").first.get_by_role("button", name="Right").click()
    page.wait_for_url("**done=**")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    assert not site.state.gallery.corrections()[-1].counts
    page.get_by_role("checkbox", name="yard").check()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**cameras=yard**")
    assert set(page.locator(".answer-camera").all_inner_texts()) == {"yard"}
    page.goto(f"/people/{number}")
    page.get_by_role("link", name="Merge").click()
    page.wait_for_url("**/merge?of=**")
    assert (
        page.get_by_role("button", name=re.compile("is the same person")).count() == len(site.persons()) - 1
    )
