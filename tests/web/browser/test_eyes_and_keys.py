"""Keyboard, small windows, quiet pictures, and what axe finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from browsing import until
from stca.watch.events import Event, Outbox
from stca.watch.events.outbox import Walking
from stca.web.access.tokens import User
from stca.web.schemas import SearchRequest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


def addresses(site: Any) -> list[str]:
    person, keys = next((number, keys) for number, keys in site.persons().items() if len(keys) > 1)
    return [
        "/",
        f"/search?key={keys[0]}",
        f"/tracklets/{keys[1]}?query={keys[0]}",
        f"/people/{person}",
        f"/people/{person}/merge",
        f"/forget?key={keys[0]}&whole=true",
        "/videos",
        "/videos/door",
        "/jobs",
        "/live",
        "/corrections",
        "/saved",
        "/gallery",
        "/login",
        "/help",
    ]


@pytest.fixture
def something_new(site: Any) -> Iterator[None]:
    """A saved search with new answers, somebody in front of a camera, and an alert."""
    person, keys = next((number, keys) for number, keys in site.persons().items() if len(keys) > 1)
    saved = site.state.saved.add("blue", SearchRequest(key=keys[0]), author="ann", row=0)
    now, alert = time.time(), {"wanted": "blue", "like": keys[0], "score": 0.9, "threshold": 0.5}
    outbox = Outbox(site.folder.parent / "events.sqlite")
    lost = {"state": "lost", "why": "Connection refused", "dropped": 7}
    outbox.show_cameras({"door": {"state": "playing", "why": "", "dropped": 0}, "yard": lost})
    outbox.put(
        [
            Event(
                "alert",
                now,
                "door",
                "door/9001",
                person,
                None,
                alert | {"false_accept_rate": 0.01, "calibrated": "labels"},
            )
        ],
        walking={"door/9001": Walking("door/9001", "door", person, now, now)},
    )
    yield
    outbox.close()
    for path in site.folder.parent.glob("events.sqlite*"):
        path.unlink()
    site.state.saved.remove(saved.id)


@pytest.mark.usefixtures("something_new")
@pytest.mark.parametrize(("colours", "width"), [("light", 390), ("dark", 1280)])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    colours: str, width: int, open_page: Open, site: Any
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page("/help", width=width, color_scheme=colours)
    shown = {"/saved": ".has-new", "/live": ".is-alert"}
    for address in addresses(site):
        page.goto(address)
        assert page.locator(shown.get(address, "main")).count() == 1
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            (each["id"], node["html"][:200], node["failureSummary"][:300])
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert serious == [], address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_all_of_it_without_a_mouse(open_page: Open, site: Any) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.className") == "tile-link"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?key=**")
    page.keyboard.press("j")
    page.keyboard.press("y")
    page.locator(".answer:first-child .toggle.good[aria-pressed=true]").wait_for()
    page.locator(".toast").get_by_role("button", name="Undo").press("Enter")
    until(page, "!document.querySelector('.toggle[aria-pressed=true]')")
    page.keyboard.press("/")
    page.wait_for_url(site.url + "/")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "by-name"
    page.keyboard.type("?")  # a letter in a field, not a key that does something
    assert page.url.startswith(site.url + "/")
    assert "/help" not in page.url
    page.goto("/help")
    page.get_by_label("Single keys do something").uncheck()
    page.goto("/gallery")
    page.keyboard.press("?")
    page.wait_for_timeout(200)
    assert page.url.endswith("/gallery")


def test_dialogs_keep_the_focus(open_page: Open, site: Any) -> None:
    person = next(iter(site.persons()))
    page = open_page(f"/people/{person}")
    page.get_by_role("link", name="Merge").press("Enter")
    page.get_by_role("dialog").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"
        )
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent.includes('Merge')")


def test_what_opens_for_a_word_begins_in_its_field(open_page: Open, site: Any) -> None:
    person, keys = next((number, keys) for number, keys in site.persons().items() if len(keys) > 1)
    places = (
        (f"/people/{person}", "Give a name", "name"),
        (f"/search?key={keys[0]}", "Save this search", "save-name"),
    )
    page = open_page("/help")
    for address, words, field in places:
        page.goto(address)
        page.get_by_text(words).click()
        until(page, f"document.activeElement.id === '{field}'")
        page.keyboard.type("?pn/yjk")
        assert page.locator(f"#{field}").input_value() == "?pn/yjk"
        page.locator("details.fold[open] summary").focus()
        page.keyboard.press("?")
        page.wait_for_timeout(150)
        assert page.url == site.url + address


def test_messages_cover_no_buttons_of_answers(open_page: Open, site: Any) -> None:
    key = next(keys[0] for keys in site.persons().values() if len(keys) > 1)
    page = open_page(f"/search?key={key}")
    for number in (0, 1):
        page.locator("[data-answer]").nth(number).get_by_role("button", name="Wrong").click()
        page.locator(f".answer:nth-child({number + 1}) .toggle.bad[aria-pressed=true]").wait_for()
    assert page.locator(".toast").count() == 1
    toast, top = page.locator(".toast").bounding_box(), page.locator("header.top").bounding_box()
    assert toast["y"] + toast["height"] <= top["y"] + top["height"] + 1
    menu, tools = page.locator("#menu a").last.bounding_box(), page.locator(".tools").bounding_box()
    assert menu["x"] + menu["width"] <= toast["x"]
    assert toast["x"] + toast["width"] <= tools["x"]
    page.locator(".toast").get_by_role("button", name="Undo").click()
    page.locator(".toast").get_by_text("Undone").wait_for()
    for made in site.state.gallery.corrections():
        if made.counts:
            site.state.undo(made.id, User("local", "editor"))


def test_pictures_stand_still_where_that_is_wanted(open_page: Open, site: Any) -> None:
    key = next(keys[0] for keys in site.persons().values() if len(keys) > 1)
    playing = "document.querySelectorAll('img[src*=\"/media/play/\"]').length"
    quiet = open_page(f"/search?key={key}", reduced_motion="reduce")
    quiet.wait_for_load_state("networkidle")
    assert quiet.evaluate(playing) == 0
    assert quiet.get_by_role("button", name="Pause all pictures").get_attribute("aria-pressed") == "true"
    page = open_page(f"/search?key={key}")
    until(page, f"{playing} > 1")
    page.get_by_role("button", name="Pause all pictures").click()
    assert page.evaluate(playing) == 0
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.evaluate(playing) == 0
    page.keyboard.press("p")
    until(page, f"{playing} > 1")


def test_light_and_dark(open_page: Open) -> None:
    page = open_page("/help", color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark colours").click()
    dark = page.evaluate(paper)
    assert light != dark
    page.reload()
    assert page.evaluate(paper) == dark


def test_the_menu_of_a_small_window(open_page: Open) -> None:
    page = open_page("/help", width=390)
    link = page.get_by_role("navigation", name="Menu").get_by_role("link", name="Gallery")
    assert not link.is_visible()
    page.get_by_role("button", name="Menu").click()
    link.click()
    page.wait_for_url("**/gallery")
