"""The same ways through rendered walkers and real footage, by the package's network; and a job to its end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browsing import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., "Page"]


def walkers(root: Path) -> Path:
    from stca.walkers import make_scene

    return make_scene(root / "scene", cameras=3, persons=8, seconds=20, seed=0)


def footage(root: Path, shared: Path) -> Path:
    place = root / "scene"
    place.mkdir()
    shutil.copy(shared / "video" / "pets_s2l1" / "vtest.avi", place)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["walkers", "footage"])
def test_a_tour(
    kind: str, open_page: Open, serve: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from stca.find import FindOptions, find_people
    from stca.tracking import TrackOptions
    from stca.tracks import read_track

    videos = walkers(tmp_path) if kind == "walkers" else footage(tmp_path, request.getfixturevalue("shared"))
    paths = sorted(str(path) for path in videos.rglob("*") if path.suffix in (".mp4", ".avi"))
    options = FindOptions(
        tracking=TrackOptions(detector="motion", start=0.0),
        device="cpu",
        workers=0,
    )
    find_people(paths, tmp_path / "out", options)
    site = serve(tmp_path / "out" / "gallery", videos)
    person = next(each for each in site.state.snapshot().persons.values() if len(each.records) > 1)
    longest = max(person.records, key=lambda record: record.frames)

    page = open_page("/", at=site)
    page.get_by_role("link", name=f"Find Person {person.number} in all cameras").click()
    page.locator(".banner-title").wait_for()
    page.get_by_role("link", name="Answer 1,").click()
    until(page, "document.querySelector('[data-rect]').width.baseVal.value > 0")
    page.locator("#why-title").scroll_into_view_if_needed()
    until(page, "document.querySelector('.why.is-loaded')", seconds=90)
    page.get_by_text("How sure is this?").wait_for()
    assert page.locator(".curve .score-mark").count() == 1

    page.goto(f"/people/{person.number}")
    assert page.locator(".timeline-row a").count() == len(person.records)
    page.locator(".timeline-row a").first.click()
    page.wait_for_url("**/tracklets/**")

    assert longest.folder is not None
    track = read_track(longest.folder)
    assert track is not None
    seen = track.frames[len(track.frames) // 2]
    page.goto(f"/videos/{longest.folder.parent.name}?frame={seen.frame}")
    page.get_by_label("Left, top, width, height").fill(",".join(f"{value:.0f}" for value in seen.box))
    page.get_by_role("button", name="Find this person").click()
    page.locator(".banner-title").wait_for()
    assert page.locator("[data-answer]").first.inner_text()


@pytest.mark.slow
def test_a_video_is_added_while_one_watches(
    open_page: Open, serve: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from stca.gallery import Gallery
    from stca.runs import open_model

    videos = footage(tmp_path, request.getfixturevalue("shared"))
    source = "colour_histogram"
    Gallery.open(tmp_path / "gallery", model=open_model(source), source=source).close()
    site = serve(tmp_path / "gallery", videos)
    page = open_page("/", at=site)
    page.get_by_text("The gallery is empty").wait_for()
    page.get_by_role("link", name="Add videos").click()
    page.get_by_label("vtest.avi").check()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Running").wait_for()
    page.get_by_role("button", name="Pause vtest").click()
    page.get_by_text("Paused", exact=True).wait_for()
    page.get_by_role("button", name="Go on with vtest").click()
    page.get_by_text("frames a second").wait_for(timeout=120_000)
    page.get_by_text("Done", exact=True).wait_for(timeout=240_000)
    page.goto("/")
    assert page.locator(".tile").count() > 5
