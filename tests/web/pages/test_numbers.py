"""Pages that were opened before people were numbered anew, and people who are no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi")

from asked_pages import Pages
from html_document import Document
from made_gallery import DIM, FINGERPRINT
from made_server import served
from stca.gallery import Gallery, Record


def numbered_anew(pages: Pages) -> None:
    """As `stca link` does: persons 1 and 2 change their numbers."""
    turned = {1: 2, 2: 1}
    gallery = pages.state.gallery
    gallery.set_persons({each.key: turned.get(each.person, each.person) for each in gallery.records()})


def form_of(page: Document, kind: str) -> dict[str, Any]:
    """The hidden fields of the first form of a kind."""
    inputs = page.all("input", type="hidden")
    begin = next(n for n, each in enumerate(inputs) if (each["name"], each["value"]) == ("kind", kind))
    fields: dict[str, Any] = {"kind": kind}
    for each in inputs[begin + 1 :]:
        if each["name"] == "kind":
            break
        fields.setdefault(str(each["name"]), each["value"])
    return fields


@pytest.mark.parametrize(("address", "kind"), [("/people/1", "name"), ("/people/1/merge", "merge")])
def test_a_form_of_before_a_new_linking_changes_nobody(pages: Pages, address: str, kind: str) -> None:
    sent = form_of(Document(pages.get(address)), kind) | ({"name": "Ann"} if kind == "name" else {})
    numbered_anew(pages)
    refused = pages.post("/correct", sent)
    assert refused.status_code == 409
    assert "numbered anew" in Document(refused.text).text
    assert pages.state.gallery.corrections() == []
    sent = form_of(Document(pages.get(address)), kind) | ({"name": "Ann"} if kind == "name" else {})
    assert pages.post("/correct", sent).status_code == 303


def test_links_to_a_person_go_with_the_tracklet(pages: Pages) -> None:
    key = next(r.key for r in pages.state.gallery.records() if r.person == 1)
    links = [str(each["href"]) for each in Document(pages.get(f"/tracklets/{key}")).all("a")]
    (place,) = {link for link in links if link.startswith("/people/")}
    assert "Person 1" in pages.get(place)
    numbered_anew(pages)
    found = pages.client.get(place, headers={"accept": "text/html"}, follow_redirects=False)
    assert (found.status_code, found.headers["location"]) == (303, f"/people/2?of={key}")
    assert f'"{key}"' in pages.get(place)
    assert "Who is the same as Person 2?" in pages.get(f"/people/1/merge?of={key}")


def test_hiding_all_of_a_person_ends_on_the_wall(pages: Pages) -> None:
    keys = [r.key for r in pages.state.gallery.records() if r.person == 1]
    made = pages.post("/correct", {"kind": "hide", "keys": keys, "back": "/people/1"})
    assert made.headers["location"].startswith("/?done=")
    assert "Hidden" in pages.get(made.headers["location"])
    some = [r.key for r in pages.state.gallery.records() if r.person == 2]
    made = pages.post("/correct", {"kind": "hide", "keys": some[:1], "back": "/people/2"})
    assert made.headers["location"].startswith("/people/2?done=")


def test_undoing_ends_with_who_remains(pages: Pages) -> None:
    keys = [r.key for r in pages.state.gallery.records() if r.person == 1]
    pages.post("/correct", {"kind": "split", "keys": keys[:2], "back": "/people/1"})
    number = pages.state.snapshot().records[keys[0]].person
    made = pages.state.gallery.corrections()[-1]
    undone = pages.post(f"/corrections/{made.id}/undo", {"back": f"/people/{number}"})
    assert undone.headers["location"] == f"/people/1?done={made.id}"
    page = Document(pages.get(undone.headers["location"]))
    assert "Undone" in page.text
    assert not [each for each in page.all("form") if "/undo" in str(each.get("action"))]


def test_a_tile_hides_the_whole_person(pages: Pages) -> None:
    fields = form_of(Document(pages.get("/")), "hide")
    keys = {r.key for r in pages.state.gallery.records() if r.person == int(fields["person"])}
    assert len(keys) > 1
    other = next(n for n in pages.state.snapshot().persons if n != int(fields["person"]))
    assert pages.post("/correct", fields | {"person": other}).status_code == 409
    assert pages.state.gallery.hidden() == frozenset()
    assert pages.post("/correct", fields).status_code == 303
    assert pages.state.gallery.hidden() == keys


def clocks(folder: Path) -> Path:
    """Five persons; number 1 was seen by "a" from 0 to 20 s and, by another clock, by "b"."""
    spans = {2: ("a", 1.0, 2.0), 3: ("a", 2.0, 20.0), 4: ("a", 30.0, 40.0), 5: ("c", 0.0, 5.0)}
    records = [Record("a/1", "a", 0.0, 20.0, clock="a.mp4"), Record("b/1", "b", 0.0, 5.0, clock="b.mp4")]
    records += [Record(f"{c}/{n}", c, s, e, clock=f"{c}.mp4") for n, (c, s, e) in spans.items()]
    scores = {2: 0.95, 3: 0.9, 4: 0.8, 5: 0.3}
    vectors = np.zeros((len(records), DIM), dtype=np.float32)
    vectors[:2, 0] = 1
    for row, score in enumerate(scores.values(), start=2):
        vectors[row, 0], vectors[row, row] = score, np.sqrt(1 - score**2)
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        gallery.add(records, vectors)
        gallery.set_persons({r.key: int(r.key[-1]) for r in records})
    return folder


def test_candidates_come_by_score(tmp_path: Path) -> None:
    """2 is beside 1 for all of its second, 3 for all of its time; both come last, unless said to be the same."""
    with served(clocks(tmp_path / "gallery")) as client:
        pages = Pages(client)

        def order() -> list[str]:
            return [
                str(each["value"])
                for each in Document(pages.get("/people/1/merge")).all("input", name="other_person")
            ]

        assert order() == ["4", "5", "2", "3"]
        pages.post("/correct", {"kind": "same", "keys": ["a/1"], "others": ["a/3"], "back": "/"})
        assert order() == ["3", "4", "5", "2"]


def test_those_who_met_for_a_moment_keep_their_place(tmp_path: Path) -> None:
    folder = clocks(tmp_path / "gallery")
    with Gallery.open(folder) as gallery:
        vector = np.zeros((1, DIM), dtype=np.float32)
        vector[0, 0] = 1
        gallery.add([Record("a/6", "a", 18.0, 60.0, clock="a.mp4")], vector)
        gallery.set_persons({r.key: r.person or 6 for r in gallery.records()})
    with served(folder) as client:
        page = Document(Pages(client).get("/people/1/merge"))
        assert page.all("input", name="other_person")[0]["value"] == "6"
        assert page.text.count("Seen at the same time") == 3


def test_times_of_two_videos_are_said_to_be(tmp_path: Path) -> None:
    with served(clocks(tmp_path / "gallery")) as client:
        for address in ("/", "/people/1"):
            text = Document(Pages(client).get(address)).text
            assert "Times of 2 videos" in text
            assert "Time not known" not in text


def test_a_name_is_escaped_once(pages: Pages) -> None:
    pages.post("/correct", {"kind": "name", "person": 1, "name": "Anna <b>", "back": "/"})
    for address in ("/people/1/merge", "/people/2/merge", "/people/1", "/", "/tracklets/north/0000"):
        text = pages.get(address)
        assert "Anna &lt;b&gt;" in text
        assert "&amp;lt;" not in text


def test_files_of_a_person_go_with_the_tracklet(pages: Pages) -> None:
    links = [str(each["href"]) for each in Document(pages.get("/people/1")).all("a") if each.get("href")]
    files = [link for link in links if link.startswith("/media/s")]
    assert len(files) == 3
    before = pages.client.get(files[2]).text
    numbered_anew(pages)
    assert pages.client.get(files[2]).text == before
    assert pages.client.get(files[2].partition("?")[0]).text != before, "the number is somebody else's"
    assert all(pages.client.get(file).status_code == 200 for file in files[:2])
    pages.state.gallery.remove(files[2].partition("of=")[2])
    assert pages.client.get(files[2]).status_code == 404


def test_a_filter_by_persons_of_before_a_new_linking_is_refused(pages: Pages) -> None:
    key = next(r.key for r in pages.state.gallery.records() if r.person == 1)
    page = Document(pages.get(f"/search?key={key}"))
    (numbering,) = {str(each["value"]) for each in page.all("input", name="numbering")}
    address = f"/search?key={key}&persons=1&numbering={numbering}"
    assert "Person 1" in pages.get(address)
    asked = {"key": key, "persons": [1]}
    saved = pages.client.post("/api/v1/searches", json={"name": "a", "request": asked}).json()
    assert saved["request"]["numbering"] == int(numbering), "it is noted when a search is saved"
    assert [each.id for each, _ in pages.client.app.state.answers.now()] == [saved["id"]]
    numbered_anew(pages)
    assert "numbered anew" in pages.get(address, status=409)
    refused = pages.client.post("/api/v1/search", json=saved["request"])
    assert refused.status_code == 409
    assert pages.client.post("/api/v1/search", json=asked).status_code == 200, (
        "who does not say is not checked"
    )
    assert pages.client.app.state.answers.now() == []
    assert "have other numbers" in pages.get("/saved")
    assert (
        pages.client.post("/api/v1/searches", json={"name": "b", "request": saved["request"]}).status_code
        == 409
    )


def test_after_splitting_the_page_is_that_of_who_is_left(pages: Pages) -> None:
    records = pages.state.snapshot().person(1).records
    keys = [r.key for r in records]
    sent = {"kind": "split", "keys": keys[:2], "back": f"/people/1?of={keys[0]}"}
    place = pages.post("/correct", sent).headers["location"]
    assert place.startswith("/people/1?of=")
    assert place.partition("of=")[2].partition("&")[0] in keys[2:]
