"""`stca find`: from videos to a page, and again for what is new."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from stca.cli import main
from stca.errors import ConfigError, DatasetError, FrameError, GalleryError
from stca.find import FindOptions, find_people, pipeline
from stca.find.page import cosines_with_own, most_similar, write_page
from stca.gallery import Calibration, Gallery, Record, add_tracklets
from stca.gallery.calibration import Method
from stca.linking import Linking, find_persons, link_gallery, threshold
from stca.linking.persons import hide, merge_persons, name_person
from stca.models import ReIDModel
from stca.runs import gallery_model, open_model
from stca.tracking import TrackOptions, write_tracks
from stca.tracking.camera_folder.recorded import has_unconfirmed_motion
from stca.tracks import find_tracklets
from street import Walker, write_street

pytest.importorskip("av")
pytest.importorskip("trackers")

RED, BLUE, GREEN = (190, 40, 50), (40, 60, 190), (40, 170, 60)
OPTIONS = FindOptions(
    tracking=TrackOptions(detector="street:colours"),
    model="colour_histogram",
    threshold=0.5,
    device="cpu",
    precision="float32",
    workers=0,
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Red and blue walk past the first camera, blue and green past the second."""
    folder = tmp_path_factory.mktemp("videos")
    write_street(folder / "door.avi", [Walker(RED, 30, 200, 2.5), Walker(BLUE, 290, 120, -2.5)], 40)
    write_street(folder / "yard.avi", [Walker(BLUE, 30, 210, 2.5), Walker(GREEN, 290, 130, -2.5)], 40)
    return [str(folder / "door.avi"), str(folder / "yard.avi")]


class Page(HTMLParser):
    """The data in a page, and every address in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.data: dict = {}
        self.addresses: list[str] = []
        self._in_data = False
        self.text = path.read_text()
        self.feed(self.text)
        written = re.sub(r"base64,[\w+/=]+|http://www.w3.org/2000/svg", "", self.text)
        self.addresses += re.findall(r"(?:https?:)?//[\w.-]+", written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_data = tag == "script" and dict(attrs).get("id") == "data"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self._in_data and data.strip():
            self.data = json.loads(data)


def test_who_is_where_and_again_for_what_is_new(videos: list[str], tmp_path: Path) -> None:
    first = find_people(videos[:1], tmp_path, OPTIONS)
    assert first.linking is not None
    assert len(first.linking.persons) == 2
    both = find_people(videos, tmp_path, OPTIONS)
    assert [video.seconds == 0 for video in both.videos] == [True, False]
    page = Page(both.page)
    assert page.addresses == []
    assert "Found by motion" not in page.text
    assert page.data["cameras"] == ["door", "yard"]
    assert len(page.data["tracklets"]) == 4
    assert all(tracklet["crops"] for tracklet in page.data["tracklets"])
    # Blue, and nobody else, was seen by both.
    assert both.linking is not None
    seen = [{record.camera for record in person} for person in both.linking.persons]
    assert sorted(map(len, seen)) == [1, 1, 2]
    blue = next(person for person in both.linking.persons if len(person) == 2)
    rows = {tracklet["key"]: number for number, tracklet in enumerate(page.data["tracklets"])}
    one, other = (rows[record.key] for record in blue)
    assert page.data["tracklets"][one]["similar"][0][0] == other
    assert page.data["tracklets"][one]["person"] == page.data["tracklets"][other]["person"]
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert {r.key: r.person for r in gallery.records()} == both.linking.numbers()


def test_motion_finds_more_than_people_and_the_page_says_so(videos: list[str], tmp_path: Path) -> None:
    find_people(videos[:1], tmp_path, OPTIONS)
    facts = tmp_path / "tracks" / "door" / "video.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "detector": "motion"}))
    assert has_unconfirmed_motion(tmp_path / "tracks")
    with Gallery.open(tmp_path / "gallery") as gallery:
        page = write_page(
            gallery, link_gallery(gallery, threshold=0.5), tmp_path / "page.html", by_motion=True
        )
    assert "Found by motion" in page.read_text()


def test_a_video_that_cannot_be_read_does_not_stop_the_others(
    videos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    words = ["find", str(bad), videos[0], "--out", str(tmp_path / "out"), "--detector", "street:colours"]
    words += ["--model", "colour_histogram", "--threshold", "0.5", "--workers", "0"]
    assert main(words) == 1
    said = capsys.readouterr()
    assert "bad.mp4" in said.err
    assert "2 tracklets are 2 persons" in said.out
    assert str(tmp_path / "out" / "people.html") in said.out
    with pytest.raises(FrameError):
        find_people([str(bad)], tmp_path / "other", OPTIONS)


def test_nobody_there_is_a_page_that_says_what_to_do(tmp_path: Path) -> None:
    write_street(tmp_path / "empty.avi", [], 20)
    result = find_people([str(tmp_path / "empty.avi")], tmp_path / "out", OPTIONS)
    assert result.linking is None
    assert "Nobody was seen" in result.page.read_text()


def test_names_of_files_are_never_html(videos: list[str], tmp_path: Path) -> None:
    name = "a<img src=x onerror=alert(1)><!--<script>.avi"
    (tmp_path / name).write_bytes(Path(videos[0]).read_bytes())
    page = Page(find_people([str(tmp_path / name)], tmp_path / "out", OPTIONS).page)
    assert page.addresses == []
    assert "<img src=x" not in page.text
    assert page.data["cameras"] == [name.removesuffix(".avi")]


def test_where_nothing_says_a_threshold_it_is_asked_for(tmp_path: Path) -> None:
    write_street(tmp_path / "one.avi", [Walker(RED, 30, 200, 2.5)], 40)
    options = FindOptions(**{**vars(OPTIONS), "threshold": None})
    with pytest.raises(GalleryError, match=r"--threshold 0\.6"):
        find_people([str(tmp_path / "one.avi")], tmp_path / "out", options)


def test_how_well_each_fits_its_person() -> None:
    vectors = np.random.default_rng(3).standard_normal((9, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    persons = [1, 2, 1, 3, 2, 1, 4, 1, 2]
    records = [Record(f"c/{row}", "c") for row in range(9)]
    numbers = {record.key: person for record, person in zip(records, persons, strict=True)}
    for row, found in enumerate(cosines_with_own(vectors, records, numbers)):
        own = [vectors[row] @ vectors[i] for i in range(9) if persons[i] == persons[row] and i != row]
        assert found is None if not own else found == pytest.approx(np.mean(own), abs=1e-5)


def test_most_similar_is_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for row, found in enumerate(most_similar(vectors, 5)):
        scores = [(float(vectors[row] @ vectors[other]), other) for other in range(30) if other != row]
        assert [other for other, _ in found] == [other for _, other in sorted(scores, reverse=True)[:5]]


def test_rows_that_somebody_added_stay_in_the_gallery(videos: list[str], tmp_path: Path) -> None:
    find_people(videos[:1], tmp_path / "out", OPTIONS)
    list(write_tracks(videos[1], tmp_path / "extra", TrackOptions(detector="street:colours", camera="other")))
    model = open_model("colour_histogram")
    with Gallery.open(tmp_path / "out" / "gallery", model=model) as gallery:
        add_tracklets(gallery, model, find_tracklets(tmp_path / "extra"), workers=0, device="cpu")
        before = {record.key for record in gallery.records()}
    find_people(videos[:1], tmp_path / "out", OPTIONS)
    with Gallery.open(tmp_path / "out" / "gallery") as gallery:
        assert {record.key for record in gallery.records()} == before
    assert any(key.startswith("other/") for key in before)


def test_a_page_of_somebody_else_is_not_written_over(videos: list[str], tmp_path: Path) -> None:
    (tmp_path / "people.html").write_text("precious")
    with pytest.raises(ConfigError, match="another file where the page"):
        find_people(videos, tmp_path, OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["people.html"]
    assert (tmp_path / "people.html").read_text() == "precious"


def test_what_cannot_work_is_said_before_any_work(videos: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        find_people(videos, tmp_path / "file" / "out", OPTIONS)
    (tmp_path / "door.avi").write_bytes(Path(videos[0]).read_bytes())
    with pytest.raises(ConfigError, match=r"same name(.|\n)*door"):
        find_people([videos[0], str(tmp_path / "door.avi")], tmp_path / "out", OPTIONS)
    for wrong in ({"far": 0.0}, {"far": float("nan")}, {"threshold": float("nan")}, {"threshold": 2.0}):
        with pytest.raises(ConfigError):
            FindOptions(**wrong)
    assert not (tmp_path / "out").exists()


def test_more_videos_are_tracked_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stca.cli.parsing import choose_detector

    tracks = tmp_path / "tracks"
    assert choose_detector(None, tracks) == "auto"
    monkeypatch.setattr("stca.tracking.detectors.detect.default_detector", lambda: "yolox_tiny")
    assert choose_detector(None, tracks) == "yolox_tiny"
    for camera, detector in (("door", "yolox_nano 0123abcd"), ("yard", "yolox_nano 0123abcd")):
        (tracks / camera).mkdir(parents=True)
        (tracks / camera / "video.json").write_text(json.dumps({"detector": detector}))
    capsys.readouterr()
    assert choose_detector(None, tracks) == "yolox_nano"
    assert "was tracked with" in capsys.readouterr().err
    (tracks / "door" / "video.json").write_text(json.dumps({"detector": "motion"}))
    assert choose_detector(None, tracks) == "yolox_tiny", "two detectors: the default"
    (tracks / "yard" / "video.json").write_text("{")
    with pytest.raises(DatasetError, match=r"Nobody knows how(.|\n)*--detector"):
        choose_detector(None, tracks)


def test_the_demo_of_training_takes_no_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--training", "a.mp4", "--out", str(tmp_path / "demo")]) == 1
    assert "found:    a.mp4" in capsys.readouterr().err


def test_corrections_and_names_hold_when_it_runs_again(videos: list[str], tmp_path: Path) -> None:
    first = find_people(videos[:1], tmp_path, OPTIONS)
    assert first.linking is not None
    (red, blue) = (person[0].key for person in first.linking.persons)
    with Gallery.open(tmp_path / "gallery") as gallery:
        name_person(gallery, gallery.person_numbers()[red], "<b>Röd")
        merge_persons(gallery, gallery.person_numbers()[red], gallery.person_numbers()[blue])
    both = find_people(videos, tmp_path, OPTIONS)
    assert both.linking is not None
    numbers = both.linking.numbers()
    assert numbers[red] == numbers[blue], "though one camera saw both at once"
    page = Page(both.page)
    assert page.data["names"] == {str(numbers[red]): "<b>Röd"}
    assert both.names == {numbers[red]: "<b>Röd"}
    assert "<b>Röd" not in page.text
    with Gallery.open(tmp_path / "gallery") as gallery:
        hide(gallery, [red])
    again = Page(find_people(videos, tmp_path, OPTIONS).page)
    assert red not in {tracklet["key"] for tracklet in again.data["tracklets"]}
    assert len(again.data["tracklets"]) == 3
    for tracklet in again.data["tracklets"]:
        assert all(other < 3 for other, *_ in tracklet["similar"])


@pytest.mark.parametrize(
    ("method", "corrections"), [("labels", 0), ("corrections", 200), ("time split", 5), ("time split", 0)]
)
def test_a_threshold_by_people_is_kept(
    videos: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    method: Method,
    corrections: int,
) -> None:
    find_people(videos, tmp_path, OPTIONS)
    kept = Calibration(0.321, 0.05, method, 30, 100, 3, 1.0, 1.0, 1.0, corrections)
    with Gallery.open(tmp_path / "gallery") as gallery:
        gallery.set_calibration(kept)
    other = dataclasses.replace(kept, threshold=0.9, method="cross-camera sets", corrections=0)
    by_people = method != "time split" or corrections > 0
    monkeypatch.setattr(pipeline, "public_threshold", lambda *_, **__: other)
    options = FindOptions(**{**vars(OPTIONS), "threshold": None})
    linking = find_people(videos, tmp_path, options, show=True).linking
    assert linking is not None
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert gallery.calibration() == (kept if by_people else other)
    assert linking.threshold == (0.321 if by_people else 0.9)
    assert ("kept 0.3210" in capsys.readouterr().err) == by_people


def result_of(linking: Linking) -> tuple[float, dict[str, int], tuple[str, ...]]:
    return linking.threshold, linking.numbers(), linking.hidden


@pytest.mark.parametrize("public", [False, True])
def test_find_links_as_link_does(
    videos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public: bool
) -> None:
    """By people seen at once and not hidden, or by public sets, where these ask for more."""
    monkeypatch.setattr(threshold, "LEAST_PAIRS", 1)
    if public:
        of_sets = Calibration(0.9, 0.01, "cross-camera sets", 30, 100, 3, 1.0, 1.0, 1.0)
        monkeypatch.setattr(pipeline, "public_threshold", lambda *_, **__: of_sets)
        scores = iter([0.999, 0.999, -1.0, -1.0])  # each linking asks twice: `find` and the test
        monkeypatch.setattr(threshold, "scores_of_share", lambda *_, **__: {"a set": next(scores)})
    options = dataclasses.replace(OPTIONS, threshold=None)
    found = find_people(videos, tmp_path, options).linking
    assert found is not None
    thresholds = [found.threshold]
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert result_of(find_persons(gallery)) == result_of(found)
        hide(gallery, [found.persons[0][0].key])
    found = find_people(videos, tmp_path, options).linking
    assert found is not None
    thresholds.append(found.threshold)
    with Gallery.open(tmp_path / "gallery") as gallery:
        assert result_of(find_persons(gallery)) == result_of(found)
        stored, hidden, (records, vectors) = gallery.calibration(), gallery.hidden(), gallery.table()
    shown = [row for row, record in enumerate(records) if record.key not in hidden]
    expected = threshold.threshold_of_pairs([records[row] for row in shown], vectors[shown])
    assert thresholds == [0.999 if public else threshold.threshold_of_pairs(records, vectors), expected]
    assert stored is not None
    assert stored.method == ("cross-camera sets" if public else "time split")
    assert len({*thresholds, stored.threshold}) == 3, "so that it matters which one is taken"


def test_the_model_is_opened_once(videos: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def opening(name: str) -> ReIDModel:
        opened.append(name)
        return open_model(name)

    for module in (pipeline, gallery_model):
        monkeypatch.setattr(module, "open_model", opening)
    find_people(videos[:1], tmp_path, OPTIONS)
    assert opened == ["colour_histogram"]


@pytest.mark.parametrize(("options", "cut"), [({}, False), ({"appearance": "a network"}, True)])
def test_what_the_options_say_decides_whether_tracks_are_cut(
    tmp_path: Path, options: dict[str, str], cut: bool
) -> None:
    (tmp_path / "door").mkdir()
    facts = {"video": "appearance", "options": options}
    (tmp_path / "door" / "video.json").write_text(json.dumps(facts))
    with pipeline._encoder(open_model("colour_histogram"), tmp_path, OPTIONS) as encoder:
        assert (encoder is not None) == cut


def test_tracks_are_cut_by_the_model_unless_the_folder_has_others(videos: list[str], tmp_path: Path) -> None:
    find_people(videos[:1], tmp_path / "new", OPTIONS)
    told = json.loads((tmp_path / "new" / "tracks" / "door" / "video.json").read_text())
    assert told["options"]["appearance"].startswith("colour_histogram ")
    for _ in write_tracks(videos[0], tmp_path / "old" / "tracks", OPTIONS.tracking):
        pass
    result = find_people(videos, tmp_path / "old", OPTIONS)
    assert [video.seconds == 0 for video in result.videos] == [True, False]
    for camera in ("door", "yard"):
        told = json.loads((tmp_path / "old" / "tracks" / camera / "video.json").read_text())
        assert "appearance" not in told["options"]


def test_what_people_said_is_not_doubted(videos: list[str], tmp_path: Path) -> None:
    first = find_people(videos, tmp_path, OPTIONS)
    assert first.linking is not None
    groups = sorted(first.linking.persons, key=len)
    with Gallery.open(tmp_path / "gallery") as gallery:
        numbers = gallery.person_numbers()
        merge_persons(gallery, numbers[groups[0][0].key], numbers[groups[1][0].key])
    page = Page(find_people(videos, tmp_path, OPTIONS).page)
    fits = {tracklet["key"]: tracklet["fit"] for tracklet in page.data["tracklets"]}
    assert {key for key, fit in fits.items() if fit is None} == {groups[0][0].key, groups[1][0].key}
