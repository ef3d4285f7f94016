"""Every page in every state: it renders, holds no inline code, and says what to do."""

from __future__ import annotations

import html
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")

import made_uploads
from asked_pages import PAGE, Pages
from html_document import Document
from made_gallery import DIM, FINGERPRINT, record
from made_server import client_of, fill_gallery, served
from stca.gallery import Calibration, Gallery, Record
from stca.gallery.calibration.calibration import ORIGINS, Method
from stca.linking.persons import judge
from stca.web.access.tokens import Tokens
from stca.web.jobs import Job
from stca.web.jobs.job import JobVideo

ADDRESSES = (
    "/",
    "/?q=north&camera=north",
    "/?q=nobody",
    "/search?key=north/0000",
    "/search?key=north/0000&cameras=south&cameras=yard&persons=1&from=2&to=20&verdict=accepted",
    "/search?key=north/0000&from=9&to=9.1&cameras=yard",
    "/tracklets/north/0000",
    "/tracklets/north/0000?query=north/0006",
    "/people/1",
    "/people/1/merge",
    "/people/1/merge?q=2",
    "/people/1/merge?q=nobody",
    "/videos",
    "/jobs",
    "/jobs/list",
    "/live",
    "/live/now",
    "/corrections",
    "/saved",
    "/gallery",
    "/login",
    "/help",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_render(address: str, pages: Pages) -> None:
    assert Document(pages.get(address)).problems() == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_parts_for_htmx_render(address: str, pages: Pages) -> None:
    text = pages.get(address, hx_request="true", hx_target="results")
    assert Document(text).problems() == []


def test_a_page_has_its_frame(pages: Pages) -> None:
    page = Document(pages.get("/"))
    assert len(page.all("h1")) == 1
    assert page.all("main", id="main")
    assert page.all("a", class_="skip")[0]["href"] == "#main"
    assert page.all("html")[0]["lang"] == "en"
    (config,) = page.all("meta", name="htmx-config")
    for setting in ('"includeIndicatorStyles":false', '"allowEval":false', '"selfRequestsOnly":true'):
        assert setting in str(config["content"])


def test_static_files_are_sent_and_named_by_their_content(pages: Pages) -> None:
    page = Document(pages.get("/"))
    addresses = [each["src"] for each in page.all("script")] + [each["href"] for each in page.all("link")]
    for address in addresses:
        assert re.fullmatch(r"/static/[\w.]+\?v=[0-9a-f]{10}", str(address))
        assert pages.client.get(str(address)).status_code == 200
    assert pages.client.get("/static/htmx.LICENSE").status_code == 200


# ---- the wall ----


def test_linked_persons_come_first_then_single_tracklets(pages: Pages) -> None:
    links = [str(each["href"]) for each in Document(pages.get("/")).all("a", class_="tile-link")]
    assert [link.split("/")[1] for link in links] == ["people"] * 6
    keys = [each.key for each in pages.state.gallery.records()]
    pages.state.gallery.set_persons({key: 1 if number < 3 else None for number, key in enumerate(keys)})
    links = [str(each["href"]) for each in Document(pages.get("/")).all("a", class_="tile-link")]
    assert links[0].split("?")[0] == "/people/1"
    assert all(link.startswith("/tracklets/") for link in links[1:])
    newest = sorted(
        (r for r in pages.state.gallery.records() if r.key not in keys[:3]), key=lambda r: -(r.last or -1)
    )
    assert links[1] == f"/tracklets/{newest[0].key}"
    assert len(links) == 1 + len(keys) - 3


def test_the_wall_comes_in_pages_that_neither_repeat_nor_skip(tmp_path: Path) -> None:
    with served(fill_gallery(tmp_path / "gallery", rows=130)) as client:
        pages = Pages(client)
        keys = [each.key for each in pages.state.gallery.records()]
        pages.state.gallery.set_persons(
            {key: number // 2 if number < 20 else None for number, key in enumerate(keys)}
        )
        seen: list[str] = []
        address, headings = "/", 0
        while address:
            page = Document(pages.get(address, hx_request="true"))
            seen += [str(each["href"]) for each in page.all("a", class_="tile-link")]
            headings += len(page.all("li", class_="wall-head"))
            more = page.all("li", class_="more")
            address = str(more[0]["hx-get"]) if more else ""
            if more:  # the way without scripts
                assert {"href": more[0]["hx-get"], "class": "button"} in page.all("a", class_="button")
        assert len(seen) == len(set(seen)) == 10 + 110
        assert headings == 1


def test_an_empty_gallery_says_what_to_do(tmp_path: Path) -> None:
    with Gallery.open(tmp_path / "gallery", model=FINGERPRINT):
        pass
    with served(tmp_path / "gallery") as client:
        pages = Pages(client)
        page = Document(pages.get("/"))
        assert "The gallery is empty" in page.text
        assert page.all("a", href="/jobs", class_="button primary")
        for address in ("/videos", "/jobs", "/corrections", "/saved", "/gallery"):
            assert Document(pages.get(address)).problems() == []


# ---- what others wrote is only shown ----

HOSTILE = "<script>alert(1)</script>'\"&{{ 1 }}"


def test_names_of_others_are_shown_not_run(tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "gallery"
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        records = [Record(f"{HOSTILE}/{n}", HOSTILE, float(n), n + 2.0, clock=HOSTILE) for n in range(4)]
        gallery.add(records, np.random.default_rng(0).standard_normal((4, DIM)).astype(np.float32))
        gallery.set_persons({each.key: 1 + number // 2 for number, each in enumerate(records)})
    with served(folder) as client:
        pages = Pages(client)
        made = pages.post("/correct", {"kind": "name", "person": 1, "name": HOSTILE, "back": "/"})
        assert made.status_code == 303
        key = HOSTILE + "/0"
        from urllib.parse import quote

        addresses = ["/", "/people/1", f"/tracklets/{quote(key)}", f"/search?key={quote(key, safe='')}"]
        addresses += ["/people/1/merge", "/corrections", "/gallery", made.headers["location"]]
        for address in addresses:
            text = pages.get(address)
            assert "<script>alert" not in text
            assert Document(text).problems() == []
        assert HOSTILE in Document(pages.get("/people/1")).text


# ---- searches ----


def test_the_verdict_is_said(pages: Pages, tmp_path: Path) -> None:
    page = Document(pages.get("/search?key=north/0000"))
    assert "Seen elsewhere" in page.text
    pages.state.gallery.set_calibration(Calibration(0.9999, 0.01, "labels", 10, 1000, 30, 0.9, 0.9, 0.95))
    assert "Nobody reaches the threshold" in Document(pages.get("/search?key=north/0000")).text
    with served(fill_gallery(tmp_path / "other", calibrated=False)) as client:
        page = Document(Pages(client).get("/search?key=north/0000"))
        assert "no threshold yet" in page.text
        assert "stca calibrate" in page.text


def test_who_was_seen_together_with_the_query_is_no_answer(pages: Pages) -> None:
    gallery = pages.state.gallery
    found = gallery.get("north/0000")
    assert found is not None
    gallery.add([Record("north/twin", "north", 1.0, 2.5)], found[1][None])
    gallery.set_calibration(Calibration(0.9999, 0.01, "labels", 10, 1000, 30, 0.9, 0.9, 0.95))
    text = Document(pages.get("/search?key=north/0000&k=3")).text
    assert "Nobody else found" in text
    assert "one camera saw them together with the query" in text
    assert text.count("Seen at the same time") == 1
    result = pages.client.post("/api/v1/search", json={"key": "north/0000", "k": 3}).json()
    assert [(hit["tracklet"]["key"], hit["accepted"]) for hit in result["hits"] if hit["at_once"]] == [
        ("north/twin", False)
    ]
    assert result["verdict"] == "nobody"
    assert len(result["hits"]) == 4, "three who can be, and the one beside"
    assert "Seen at the same time" in pages.get("/tracklets/north/twin?query=north/0000")
    gallery.set_calibration(Calibration(-1, 0.01, "labels", 10, 1000, 30, 0.9, 0.9, 0.95))
    assert "Seen elsewhere" in Document(pages.get("/search?key=north/0000&k=3")).text
    judge(gallery, "north/0000", "north/twin", same=True)
    assert "Seen at the same time" not in pages.get("/search?key=north/0000&k=3")


def test_seen_again_is_not_seen_elsewhere(pages: Pages) -> None:
    pages.state.gallery.set_calibration(Calibration(-1, 0.01, "labels", 10, 1000, 30, 0.9, 0.9, 0.95))
    text = Document(pages.get("/search?key=north/0000&cameras=north")).text
    assert "Seen again" in text
    assert "Seen elsewhere" not in text


def test_all_answers_are_only_counted_where_they_are_shown(pages: Pages) -> None:
    assert "of the first 24 answers" in Document(pages.get("/search?key=north/0000")).text
    assert "of 29 answers" in Document(pages.get("/search?key=north/0000&k=48")).text


def test_a_score_below_the_threshold_is_not_shown_as_it(pages: Pages) -> None:
    from stca.web import schemas, searching

    asked = schemas.SearchRequest(key="north/0000", k=24)
    hits = searching.run_search(pages.state, asked).hits
    threshold = hits[3].score + 1e-4
    pages.state.gallery.set_calibration(Calibration(threshold, 0.01, "labels", 10, 100, 3, 0.9, 0.9, 0.95))
    text = pages.get("/search?key=north/0000")
    shown = [float(each) for each in re.findall(r"<strong>(-?\d\.\d+)</strong>", text)]
    limit = float(re.findall(r"threshold of (\d\.\d+)", text)[0].rstrip("."))
    assert [each >= limit for each in shown] == [hit.score >= threshold for hit in hits]


def test_filters_that_nothing_passes(pages: Pages) -> None:
    page = Document(pages.get("/search?key=north/0000&from=9&to=9.1&cameras=south&persons=1"))
    assert "No answers" in page.text
    assert page.all("form", id="filters")


def test_filters_stand_in_the_form(pages: Pages) -> None:
    page = Document(pages.get("/search?key=north/0000&cameras=south&persons=1&verdict=below&from=3&to=20"))
    checked = {(each["name"], each["value"]) for each in page.all("input") if "checked" in each}
    assert checked == {("cameras", "south"), ("persons", "1"), ("verdict", "below")}
    ranges = {each["name"]: each["value"] for each in page.all("input", type_="range")}
    assert ranges == {"from": "3.0", "to": "20.0"}
    assert {"type": "hidden", "name": "key", "value": "north/0000"} in page.all("input")


def test_a_slider_that_nobody_moved_leaves_nothing_out(pages: Pages) -> None:
    """Tracklets without times pass no range of times."""
    whole = Document(pages.get("/search?key=north/0000&k=100"))
    strip = whole.all("div", class_="strip")[0]
    ends = f"&from={strip['data-first']}&to={strip['data-last']}"
    same = Document(pages.get(f"/search?key=north/0000&k=100{ends}"))
    assert len(whole.all("li", class_="answer")) == len(same.all("li", class_="answer"))
    assert len(whole.all("a", class_="answer-picture")) == 29


def test_more_answers(pages: Pages) -> None:
    page = Document(pages.get("/search?key=north/0000"))
    assert len(page.all("a", class_="answer-picture")) == 24
    more = [each for each in page.all("a", class_="button") if "k=48" in str(each["href"])]
    assert len(Document(pages.get(str(more[0]["href"]))).all("a", class_="answer-picture")) == 29


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/search", 422),
        ("/search?key=none", 404),
        ("/search?key=north/0000&k=0", 422),
        ("/search?key=north/0000&from=x", 422),
        ("/search?key=north/0000&persons=x", 422),
        ("/search?camera=none&frame=1&box=1,2,3,4", 404),
        ("/search?camera=none&frame=1&box=1,2", 422),
        ("/search?camera=none&frame=nan&box=1,2,3,4", 422),
        ("/search?upload=" + "0" * 32, 404),
        ("/people/99", 404),
        ("/people/x", 422),
        ("/tracklets/none", 404),
        ("/tracklets/north/0000?query=none", 404),
        ("/videos/none", 404),
        ("/corrections?cursor=x", 422),
        ("/nothing", 404),
    ],
)
def test_errors_are_pages_that_say_what_to_do(address: str, status: int, pages: Pages) -> None:
    page = Document(pages.get(address, status=status))
    assert page.problems() == []
    assert page.all("a", href="/", class_="button primary")
    part = Document(pages.get(address, status=status, hx_request="true"))
    assert part.problems() == []
    assert [each for tag, each in part.elements if "data-toast" in each]


def test_programs_get_problem_details(pages: Pages) -> None:
    for address in ("/people/99", "/api/v1/persons/99"):
        found = pages.client.get(address, headers={"accept": "application/json"})
        assert found.headers["content-type"] == "application/problem+json"
    found = pages.client.get("/api/v1/persons/99", headers=PAGE)
    assert found.headers["content-type"] == "application/problem+json"


def test_a_failure_is_a_page_too(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("secret place /etc/passwd")

    monkeypatch.setattr(pages.state, "snapshot", fail)
    text = pages.get("/", status=500)
    assert "secret" not in text
    assert Document(text).problems() == []


def test_a_busy_server_says_when_to_come_back(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from stca.web.problems import WebError

    def busy() -> None:
        raise WebError("Too many wait", status=503, retry_after=7)

    monkeypatch.setattr(pages.state, "snapshot", busy)
    found = pages.client.get("/", headers=PAGE)
    assert (found.status_code, found.headers["retry-after"]) == (503, "7")
    assert "Try again in 7 seconds" in Document(found.text).text


def test_several_people_in_an_upload_ask_for_a_box(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from stca.errors import GalleryError

    picture = SimpleNamespace(width=640, height=480)
    uploads = SimpleNamespace(get=lambda upload: SimpleNamespace(pictures=(picture, picture)))
    uploads.title, uploads.remove_expired = (lambda upload: "holiday.jpg"), (lambda: 0)

    def several(*args: Any, **others: Any) -> None:
        raise GalleryError("There are several people", hint="draw a box")

    uploads.query = several
    monkeypatch.setattr(pages.state, "uploads", uploads)
    page = Document(pages.get("/search?upload=abc&image=2", status=422))
    assert page.problems() == []
    assert "There are several people" in page.text
    assert page.all("svg", viewbox="0 0 640 480")
    assert {"type": "hidden", "name": "image", "value": "2"} in page.all("input")


# ---- one tracklet, one person ----


def test_an_answer_is_shown_beside_its_query(pages: Pages) -> None:
    page = Document(pages.get("/tracklets/north/0000?query=north/0006"))
    vectors = [pages.state.gallery.get(key)[1] for key in ("north/0000", "north/0006")]
    assert f"{float(vectors[0] @ vectors[1]):.2f}" in page.text
    assert page.all("form", class_="judge")
    assert not Document(pages.get("/tracklets/north/0000")).all("form", class_="judge")


def test_every_sighting_is_on_the_timeline(pages: Pages) -> None:
    records = [r for r in pages.state.gallery.records() if r.person == 1]
    page = Document(pages.get("/people/1"))
    timed = {f"/tracklets/{r.key}" for r in records if r.first is not None}
    marks = [str(each["href"]) for each in page.all("a") if str(each.get("aria-label", "")).count(", 0:")]
    assert sorted(marks) == sorted(timed)
    assert len(page.all("input", name="keys", type="checkbox")) == len(records)
    links = {str(each.get("href")) for each in page.all("a")}
    for address in ("/media/sheet/1.png", "/media/sheet/1.pdf", "/media/sightings/1.csv"):
        assert links & {f"{address}?of={record.key}" for record in records}


# ---- jobs ----


def job(**changes: Any) -> Job:
    values: dict[str, Any] = {
        "id": 3,
        "kind": "add videos",
        "finished": None,
        "link": True,
        "version": 1,
        "created": 1e9,
        "state": "running",
        "stage": "tracking door.mp4",
        "progress": 0.42,
        "frames": 1200,
        "frames_per_second": 31.4,
        "seconds_left": 95.0,
        "message": "",
        "error": None,
        "videos": (JobVideo(Path("door.mp4"), "door", None),),
    }
    return Job(**(values | changes))


@pytest.mark.parametrize("state", ["queued", "running", "paused", "done", "failed", "cancelled"])
def test_jobs_in_every_state(state: str, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = state in ("done", "failed", "cancelled")
    made = job(
        state=state,
        error="No such codec" if state == "failed" else None,
        seconds_left=95.0 if state == "running" else None,
    )
    monkeypatch.setattr(pages.state.jobs, "list", lambda: [made])
    page = Document(pages.get("/jobs"))
    assert page.problems() == []
    assert "42 %" in page.text
    actions = {str(each["action"]) for each in page.all("form") if "/jobs/3" in str(each.get("action"))}
    rest = "resume" if state == "paused" else "pause"
    assert actions == (set() if ended else {f"/jobs/3/{rest}", "/jobs/3/cancel"})
    assert ("1 min 35 s left" in page.text) == (state == "running")
    assert ("31 frames a second" in page.text) == (state == "running")
    assert ("No such codec" in page.text) == (state == "failed")


def test_a_job_is_begun_paused_and_cancelled(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("stca.web.actions.allowed_video", lambda folders, name: tmp_path / name)
    jobs = SimpleNamespace(
        start=lambda videos, link: calls.append((videos, link)) or job(),
        pause=lambda number: calls.append(("pause", number)) or job(),
        resume=lambda number: calls.append(("resume", number)) or job(),
        cancel=lambda number: calls.append(("cancel", number)) or job(),
        list=lambda: [job()],
        get=lambda number: job(),
        close=lambda: None,
    )
    monkeypatch.setattr(pages.state, "jobs", jobs)
    sent = {"videos": ["a.mp4", "b.mp4"], "camera": "", "start": "1970-01-01T00:00:05", "link": "yes"}
    assert pages.post("/jobs", sent).headers["location"] == "/jobs"
    videos, link = calls[0]
    assert ([video.path.name for video in videos], [video.camera for video in videos], link) == (
        ["a.mp4", "b.mp4"],
        [None, None],
        True,
    )
    assert pages.post("/jobs/3/pause").status_code == 303
    assert "Running" in pages.post("/jobs/3/cancel", hx_request="true").text
    assert calls[1:] == [("pause", 3), ("cancel", 3)]
    one_camera = pages.post("/jobs", sent | {"camera": "door"})
    assert (one_camera.status_code, len(calls)) == (422, 3)
    assert "one video only" in one_camera.text
    assert pages.post("/jobs", sent | {"videos": ["a.mp4"], "camera": " door "}).status_code == 303
    assert [video.camera for video in calls[3][0]] == ["door"]
    assert pages.post("/jobs", {}).status_code == 422
    assert pages.post("/jobs", sent | {"start": "tomorrow"}).status_code == 422
    assert pages.post("/jobs/3/remove").status_code == 422


@pytest.mark.parametrize("address", ["/saved/{}/remove", "/jobs/{}/pause", "/corrections/{}/undo"])
def test_a_number_beyond_every_id_is_refused(address: str, pages: Pages) -> None:
    assert pages.post(address.format(2**70)).status_code == 422


def test_the_curve_is_that_of_the_interface_and_leaves_hidden_ones_out(tmp_path: Path) -> None:
    import numpy as np

    from stca.linking.persons import hide
    from stca.web.media.certainty import certainty

    folder = tmp_path / "gallery"
    made = np.random.default_rng(0).normal(size=(40, DIM)).astype(np.float32)
    with Gallery.open(folder, model=FINGERPRINT) as gallery:
        gallery.add([Record(f"a/{n:02d}", "a", label=n % 8) for n in range(40)], made)
        gallery.set_calibration(Calibration(0.4, 0.01, "labels", 10, 10, 10, 0.5, 0.5, 0.5))
        records = {record.key: record for record in gallery.records()}
        gone = sorted(records)[:15]
        whole = certainty(gallery, records)
        hide(gallery, gone)
        shown = certainty(gallery, {key: each for key, each in records.items() if key not in gone})
    assert whole is not None
    assert shown is not None
    assert whole.source != shown.source
    with served(folder) as client:
        told = client.get("/api/v1/why/a/30", params={"answer": "a/31"}).json()["certainty"]
        page = html.unescape(Pages(client).get("/tracklets/a/30?query=a/31"))
    assert told["source"] == shown.source
    assert shown.source in page
    assert told["words"] in page


def test_pages_and_interface_write_the_same_into_the_audit_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = made_uploads.jpeg((60, 120))

    def by_page(pages: Pages) -> None:
        upload = pages.client.post("/uploads", files=[("files", ("me.jpg", picture))], headers=PAGE)
        assert upload.history[0].status_code == 303
        assert pages.post("/saved", {"name": "him", "query": "key=north/0000"}).status_code == 303
        assert pages.post("/saved/1/remove").status_code == 303
        sent = {"videos": ["a.mp4"], "camera": "door", "start": "1970-01-01T00:00:05+00:00"}
        assert pages.post("/jobs", sent).status_code == 303
        for action in ("pause", "resume", "cancel"):
            assert pages.post(f"/jobs/1/{action}").status_code == 303

    def by_interface(pages: Pages) -> None:
        with client_of(pages.client) as client:
            me = tmp_path / "me.jpg"
            me.write_bytes(picture)
            client.upload(me)
            client.remove_saved_search(client.save_search("him", key="north/0000").id)
            started = client.add_videos("a.mp4", camera="door", start=5.0, link=False)
            for change in (client.pause_job, client.resume_job, client.cancel_job):
                change(started.id)

    monkeypatch.setattr("stca.web.actions.allowed_video", lambda folders, name: tmp_path / name)
    logs, started = [], []
    for number, act in enumerate((by_page, by_interface)):
        with served(fill_gallery(tmp_path / f"gallery{number}")) as client:
            pages = Pages(client)
            told = ("start", "pause", "resume", "cancel")
            jobs = SimpleNamespace(
                close=lambda: None, list=lambda: [job()], get=lambda number: job(), **dict.fromkeys(told)
            )
            jobs.start = lambda videos, link: started.append((videos, link)) or job()
            jobs.pause = jobs.resume = jobs.cancel = lambda number: job()
            pages.state.jobs.close()
            monkeypatch.setattr(pages.state, "jobs", jobs)
            act(pages)
            lines = [line for line in pages.state.audit.entries() if line["action"] != "search"]
        logs.append([{k: v for k, v in line.items() if k not in ("time", "upload", "job")} for line in lines])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 7
    assert started[0] == started[1]


# ---- who may ----


def test_viewers_see_nothing_that_changes_something(tmp_path: Path) -> None:
    folder = fill_gallery(tmp_path / "gallery")
    tokens = Tokens(folder / "serve" / "tokens.json")
    (folder / "serve").mkdir(exist_ok=True)
    secret = tokens.create("vera", "viewer")
    with served(folder) as client:
        client.cookies.set("stca_token", secret)
        pages = Pages(client)
        for address in ADDRESSES:
            page = Document(pages.get(address))
            posts = [each for each in page.all("form") if each.get("method") == "post"]
            assert {each["action"] for each in posts} <= {"/logout", "/login"}, address
            assert not page.all("input", name="keys"), address
        refused = pages.post("/correct", {"kind": "hide", "keys": ["north/0000"]})
        assert refused.status_code == 403
        assert "You may not do this" in refused.text
        assert Document(refused.text).problems() == []


def test_log_in_and_out(tmp_path: Path) -> None:
    folder = fill_gallery(tmp_path / "gallery")
    (folder / "serve").mkdir(exist_ok=True)
    secret = Tokens(folder / "serve" / "tokens.json").create("ed", "editor")
    with served(folder, host="192.0.2.1") as client:
        pages = Pages(client)
        sent = client.get("/people/1?a=b", headers=PAGE, follow_redirects=False)
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fpeople%2F1%3Fa%3Db")
        page = Document(pages.get(sent.headers["location"]))
        assert {"type": "hidden", "name": "next", "value": "/people/1?a=b"} in page.all("input")
        assert not page.all("nav")
        refused = pages.post("/login", {"token": "wrong", "next": "/"})
        assert refused.status_code == 401
        assert "not known" in refused.text
        assert "set-cookie" not in refused.headers
        entered = pages.post("/login", {"token": f" {secret} ", "next": "/people/1?a=b"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/people/1?a=b")
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "Log out ed" in pages.get("/")
        left = pages.post("/logout")
        assert left.headers["location"] == "/login"
        assert client.get("/", headers=PAGE, follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nX: y"],
)
def test_forms_lead_nowhere_else(place: str, pages: Pages) -> None:
    made = pages.post("/correct", {"kind": "name", "person": 1, "name": "Ana", "back": place})
    assert re.fullmatch(r"/\?done=\d+", made.headers["location"])


# ---- corrections ----


def test_a_correction_can_be_undone_where_it_was_made(pages: Pages) -> None:
    made = pages.post("/correct", {"kind": "name", "person": 1, "name": " Ana ", "back": "/people/1?x=1"})
    place = made.headers["location"]
    assert re.fullmatch(r"/people/1\?x=1&done=\d+", place)
    page = Document(pages.get(place))
    assert page.all("h1")
    assert "Named Ana" in page.text
    (undo,) = [each for each in page.all("form") if "/undo" in str(each.get("action"))]
    made_id = place.rpartition("=")[2]
    assert {"type": "hidden", "name": "back", "value": "/people/1?x=1"} in page.all("input")
    assert (
        pages.post(str(undo["action"]), {"back": "/people/1"}).headers["location"]
        == f"/people/1?done={made_id}"
    )
    assert "Person 1" in Document(pages.get("/people/1")).text
    assert "Named Ana" not in Document(pages.get(place)).text.replace("Named Ana Undo", "")
    log = Document(pages.get("/corrections"))
    assert "undone" in log.text


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ({"kind": "merge", "person": 1, "other_person": 2}, "merge"),
        ({"kind": "take out", "keys": ["north/0000"]}, "take out"),
        ({"kind": "split", "keys": ["north/0000", "north/0006"]}, "split"),
        ({"kind": "hide", "keys": ["north/0000"]}, "hide"),
        ({"kind": "same", "keys": ["north/0000"], "others": ["south/0001"]}, "same"),
    ],
)
def test_every_kind_of_correction_has_its_form_and_its_entry(
    sent: dict[str, Any], kind: str, pages: Pages
) -> None:
    assert pages.post("/correct", sent | {"back": "/"}).status_code == 303
    (made,) = pages.state.gallery.corrections()
    assert made.kind == kind
    page = Document(pages.get("/corrections"))
    assert page.problems() == []
    assert page.all("form", action=f"/corrections/{made.id}/undo")


def test_verdicts_on_answers_change_in_place(pages: Pages) -> None:
    sent = {"keys": ["north/0000"], "others": ["south/0001"], "back": "/search?key=north/0000"}
    text = pages.post("/correct", sent | {"kind": "different"}, hx_request="true").text
    part = Document(text)
    assert part.problems() == []
    assert {each["value"]: each["aria-pressed"] for each in part.all("button", name="kind")} == {
        "same": "false",
        "different": "true",
    }
    assert "Answer marked as wrong" in part.text
    page = Document(pages.get("/search?key=north/0000&k=100"))
    pressed = [each for each in page.all("button", name="kind") if each["aria-pressed"] == "true"]
    assert [each["id"] for each in pressed] == ["wrong-south/0001"]


@pytest.mark.parametrize(
    "sent",
    [
        {"kind": "hide"},
        {"kind": "dance", "keys": ["north/0000"]},
        {"kind": "name", "person": 1, "name": "  "},
        {"kind": "merge", "person": 1, "other_person": 1},
        {"kind": "same", "keys": ["north/0000"], "others": ["north/0000"]},
    ],
)
def test_corrections_that_make_no_sense(sent: dict[str, Any], pages: Pages) -> None:
    answer = pages.post("/correct", sent | {"back": "/"})
    assert answer.status_code == 422
    assert Document(answer.text).problems() == []
    assert not pages.state.gallery.corrections()


def test_hidden_ones_are_shown_in_the_gallery_alone(pages: Pages) -> None:
    pages.post("/correct", {"kind": "hide", "keys": ["north/0000"], "back": "/"})
    assert "/tracklets/north/0000" not in pages.get("/")
    page = Document(pages.get("/gallery"))
    assert "1 hidden sighting" in page.text
    assert page.all("a", href="/tracklets/north/0000")
    assert "is hidden" in Document(pages.get("/tracklets/north/0000")).text


# ---- saved searches ----


def test_a_search_is_saved_with_its_filters(pages: Pages) -> None:
    query = "key=north/0000&cameras=south&from=3&verdict=below"
    assert pages.post("/saved", {"name": "who is that", "query": query}).headers["location"] == "/saved"
    page = Document(pages.get("/saved"))
    assert page.problems() == []
    (link,) = page.all("a", class_="strong")
    assert link["href"] == "/search?key=north/0000&cameras=south&from=3.0&verdict=below"
    assert Document(pages.get(str(link["href"]))).problems() == []
    (form,) = [each for each in page.all("form") if "/saved/" in str(each.get("action"))]
    assert pages.post(str(form["action"])).status_code == 303
    assert "No search was saved yet" in pages.get("/saved")
    for sent in ({"name": " ", "query": query}, {"name": "x", "query": "upload=" + "0" * 32}):
        assert pages.post("/saved", sent).status_code == 422


def test_searches_are_in_the_audit_log(pages: Pages) -> None:
    pages.get("/search?key=north/0000&cameras=south")
    entry = list(pages.state.audit.entries())[-1]
    assert (entry["action"], entry["key"], entry["cameras"]) == ("search", "north/0000", ["south"])


def test_the_threshold_says_when_it_is_old(pages: Pages) -> None:
    assert "Run" not in Document(pages.get("/gallery")).text
    import numpy as np

    more = [record(number) for number in range(100, 140)]
    pages.state.gallery.add(more, np.random.default_rng(1).standard_normal((40, DIM)).astype(np.float32))
    assert "Found when there were 30 sightings; now there are 70" in Document(pages.get("/gallery")).text


@pytest.mark.parametrize("method", ORIGINS)
def test_the_page_and_the_command_say_in_the_same_words_where_a_threshold_is_from(
    pages: Pages, method: Method
) -> None:
    calibration = Calibration(0.8, 0.01, method, 10, 1000, 30, 0.9, 0.9, 0.95)
    pages.state.gallery.set_calibration(calibration)
    text = Document(pages.get("/gallery")).text
    assert f"Found from {calibration.origin}, for 30 sightings." in " ".join(text.split())
    assert calibration.origin == ORIGINS[method]
