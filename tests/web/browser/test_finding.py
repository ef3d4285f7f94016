"""Finding and narrowing, as somebody does who never typed a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browsing import until
from stca.tracks import read_track

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


def seen_twice(site: Any) -> str:
    """Blue, at the door."""
    return next(k for keys in site.persons().values() if len(keys) > 1 for k in keys if k.startswith("door"))


def box_of(site: Any, key: str) -> tuple[int, tuple[float, float, float, float]]:
    record = site.state.snapshot().records[key]
    track = read_track(record.folder)
    assert track is not None
    frame = track.frames[len(track.frames) // 2]
    return frame.frame, frame.box


def test_from_the_wall_to_an_answer_in_its_whole_frame(open_page: Open, site: Any) -> None:
    page = open_page("/")
    page.get_by_role("heading", name="Who are you looking for?").wait_for()
    assert page.locator(".tile").count() == len(site.persons())
    person = next(number for number, keys in site.persons().items() if len(keys) > 1)
    page.get_by_role("link", name=f"Find Person {person} in all cameras").click()
    page.get_by_text("Seen elsewhere").wait_for()
    # The query plays beside its answers.
    for place in (".asked .crop", ".answer:first-child .crop"):
        until(page, f"document.querySelector('{place}').src.includes('/media/play/')")
    page.get_by_role("link", name="Answer 1,").click()
    player = page.locator("[data-player]")
    frame = int(player.locator("[data-seek]").input_value())
    rect = player.locator("[data-rect]")
    until(page, "document.querySelector('[data-rect]').width.baseVal.value > 0")
    before = rect.get_attribute("x")
    player.get_by_role("button", name="Play", exact=True).click()
    until(page, f"Number(document.querySelector('[data-seek]').value) > {frame + 2}")
    player.get_by_role("button", name="Pause", exact=True).click()
    assert rect.get_attribute("x") != before
    assert int(player.locator("[data-seek]").get_attribute("min") or 0) <= frame
    now = int(player.locator("[data-seek]").input_value())
    player.get_by_role("button", name="One frame back").click()
    assert int(player.locator("[data-seek]").input_value()) == now - 1


def test_pictures_are_sent_and_found(open_page: Open, site: Any) -> None:
    folder: Path = site.state.snapshot().records[seen_twice(site)].folder
    page = open_page("/")
    page.get_by_label("Search with your own pictures").set_input_files(sorted(folder.glob("*.jpg"))[:3])
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text("Seen elsewhere").wait_for()
    assert "upload=" in page.url
    assert page.locator(".asked-pictures img").count() == 3
    page.wait_for_function(
        "[...document.querySelectorAll('.asked-pictures img')].every((each) => each.naturalWidth)"
    )


def test_what_is_no_picture_is_refused_where_one_stands(
    open_page: Open, faults: list[str], tmp_path: Path
) -> None:
    other = tmp_path / "page.jpg"
    other.write_text("<html><script>alert(1)</script></html>")
    page = open_page("/")
    page.get_by_label("Search with your own pictures").set_input_files(other)
    page.get_by_role("button", name="Search", exact=True).click()
    page.locator(".toast.bad").wait_for()
    assert page.url.endswith("/")
    assert [each for each in faults if "the server responded with a status of 4" in each] == faults
    faults.clear()


def test_a_box_is_drawn_with_the_mouse(open_page: Open, site: Any) -> None:
    frame, (left, top, width, height) = box_of(site, seen_twice(site))
    page = open_page(f"/videos/door?frame={frame}")
    area = page.locator("[data-draw]").bounding_box()
    assert area is not None
    scale = area["width"] / 320
    page.mouse.move(area["x"] + left * scale, area["y"] + top * scale)
    page.mouse.down()
    page.mouse.move(area["x"] + (left + width) * scale, area["y"] + (top + height) * scale, steps=4)
    page.mouse.up()
    drawn = [float(value) for value in page.get_by_label("Left, top, width, height").input_value().split(",")]
    assert max(abs(a - b) for a, b in zip(drawn, (left, top, width, height), strict=True)) < 3
    page.get_by_role("button", name="Find this person").click()
    page.get_by_text("Seen elsewhere").wait_for()
    assert page.locator(".answer-camera").first.inner_text() in ("door", "yard")
    assert page.locator(".asked rect.around").count() == 1


def test_a_frame_keeps_its_shape_and_the_box_its_place(open_page: Open, site: Any) -> None:
    """In a low window there is room beside a picture, as there is beside one of a portrait video."""
    frame, (left, top, width, height) = box_of(site, seen_twice(site))
    page = open_page(f"/videos/{site.state.snapshot().record(seen_twice(site)).camera}?frame={frame}")
    page.set_viewport_size({"width": 1280, "height": 400})
    page.locator("[data-draw]").scroll_into_view_if_needed()
    area = page.locator("[data-draw]").bounding_box()
    size = page.evaluate(
        "(({naturalWidth: w, naturalHeight: h}) => [w, h])(document.querySelector('[data-screen]'))"
    )
    assert page.evaluate("getComputedStyle(document.querySelector('[data-screen]')).objectFit") == "contain"
    scale = min(area["width"] / size[0], area["height"] / size[1])
    assert area["width"] > 1.5 * scale * size[0]

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            area["x"] + area["width"] / 2 + (x - size[0] / 2) * scale,
            area["y"] + area["height"] / 2 + (y - size[1] / 2) * scale,
        )

    page.mouse.move(*at(left, top))
    page.mouse.down()
    page.mouse.move(*at(left + width, top + height), steps=3)
    page.mouse.up()
    drawn = [float(value) for value in page.get_by_label("Left, top, width, height").input_value().split(",")]
    assert max(abs(a - b) for a, b in zip(drawn, (left, top, width, height), strict=True)) < 3
    shown = page.locator("[data-drawn]").bounding_box()
    assert abs(shown["x"] - at(left, top)[0]) < 4 * scale + 3
    assert abs(shown["width"] - width * scale) < 4 * scale + 6


def test_a_box_is_drawn_with_keys(open_page: Open) -> None:
    page = open_page("/videos/door")
    page.locator("[data-draw]").focus()
    field = page.get_by_label("Left, top, width, height")
    page.keyboard.press("Enter")
    x, y, w, h = map(int, field.input_value().split(","))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert [int(value) for value in field.input_value().split(",")] == [x + 3, y, w, h + 3]
    page.keyboard.press("Escape")
    assert field.input_value() == ""


def test_filters_stand_in_the_address(open_page: Open, site: Any) -> None:
    key = seen_twice(site)
    page = open_page(f"/search?key={key}")
    answers = page.locator("[data-answer]")
    every = answers.count()
    assert every == len(site.keys()) - 1
    page.locator(".choice", has_text="yard").click()
    page.wait_for_url("**cameras=yard**")
    until(page, f"document.querySelectorAll('[data-answer]').length < {every}")
    assert set(page.locator(".answer-camera").all_inner_texts()) == {"yard"}
    assert "from=" not in page.url
    assert "verdict=" not in page.url
    shown = answers.count()
    # Sent to somebody, and opened again.
    again = open_page(page.url.removeprefix(site.url))
    assert again.locator("[data-answer]").count() == shown
    assert again.get_by_role("checkbox", name="yard").is_checked()
    page.go_back()
    page.wait_for_url(f"**key={key}")
    until(page, f"document.querySelectorAll('[data-answer]').length === {every}")


def test_a_range_of_time_is_dragged_or_typed(open_page: Open, site: Any) -> None:
    page = open_page(f"/search?key={seen_twice(site)}")
    area = page.locator("[data-strip] svg").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + 10)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.9, area["y"] + 10, steps=3)
    page.mouse.up()
    page.wait_for_url("**from=**")
    assert "to=" in page.url
    page.get_by_role("slider", name="until").focus()
    page.keyboard.press("End")
    until(page, "!location.search.includes('to=') && location.search.includes('from=')")
    assert ":" in (page.get_by_role("slider", name="from").get_attribute("aria-valuetext") or "")


def test_a_search_is_saved_and_opened_again(open_page: Open, site: Any) -> None:
    page = open_page(f"/search?key={seen_twice(site)}")
    page.locator(".choice", has_text="yard").click()
    page.wait_for_url("**cameras=yard**")
    page.get_by_text("Save this search").click()
    page.get_by_label("Name of the search").fill("blue in the yard")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="blue in the yard").last.click()
    page.wait_for_url("**cameras=yard**")
    assert set(page.locator(".answer-camera").all_inner_texts()) == {"yard"}
