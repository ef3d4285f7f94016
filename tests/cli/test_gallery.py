"""`stca gallery`, `stca search` and `stca calibrate`, on coloured people."""

import argparse
import io
import json
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import stca
from stca.cli import main
from stca.cli.galleries.calibrating import read_labels
from stca.cli.parsing import moment
from stca.embedding import Embedder
from stca.errors import DatasetError, GalleryError
from stca.footage.images import write_jpeg
from stca.gallery import (
    Added,
    Gallery,
    ModelFingerprint,
    Record,
    add_tracklets,
    cross_camera,
    find_crops,
    search_tracklet,
    time_split_set,
)
from stca.gallery.times import format_span
from stca.tracks import FrameRecord, TrackRecord, find_tracklets, write_track

PERSONS, CAMERAS = 5, ("cam1", "cam2")


def make_tracklet(
    folder: Path,
    person: int,
    *,
    first: int,
    label: bool,
    frames: int = 9,
    seed: int = 0,
    start: float | None = None,
) -> None:
    rng = np.random.default_rng(100 * person + seed)
    colours = np.random.default_rng(person).integers(0, 256, (2, 3))
    records = []
    for number in range(first, first + frames):
        picture = np.repeat(colours, 24, axis=0)[:, None] + rng.normal(0, 20, (48, 24, 3))
        folder.mkdir(parents=True, exist_ok=True)
        write_jpeg(folder / f"{number:06d}.jpg", picture.clip(0, 255).astype(np.uint8))
        use = number > first  # the first one is too poor
        time = (start or 0) + number / 10
        records.append(FrameRecord(number, time, (0, 0, 24, 48), 0.9, f"{number:06d}.jpg", {}, use))
    write_track(
        folder,
        TrackRecord(
            folder.parent.name,
            int(folder.name),
            "v.mp4",
            10.0,
            start,
            "motion",
            person if label else None,
            tuple(records),
        ),
    )


def make_tracks(root: Path, *, label: bool = True) -> Path:
    for number, camera in enumerate(CAMERAS):
        for person in range(PERSONS):
            for piece in range(2):
                folder = root / camera / f"{2 * person + piece + 1:04d}"
                make_tracklet(
                    folder, person, first=1 + 40 * piece + person, label=label, seed=10 * number + piece
                )
    return root


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tracks(tmp_path_factory.mktemp("tracks") / "tracks")


@pytest.fixture(scope="module")
def filled(tracks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only."""
    gallery = tmp_path_factory.mktemp("gallery") / "g"
    assert (
        main(["gallery", "add", str(gallery), str(tracks), "--model", "colour_histogram", "--workers", "0"])
        == 0
    )
    return gallery


def test_add_twice_list_and_stats(filled: Path, tracks: Path, run: Callable[..., str]) -> None:
    assert "0 added, 20 already there; 20 tracklets" in run("gallery", "add", filled, tracks, "--workers", 0)
    assert "0 added, 10 already there" in run("gallery", "add", filled, tracks / "cam1", "--workers", 0)
    lines = run("gallery", "list", filled).splitlines()
    assert len(lines) == 21
    assert "cam1/0001" in lines[1]
    assert "0:00:00.1 to 0:00:00.9" in lines[1]
    listed = json.loads(run("gallery", "list", filled, "--camera", "cam2", "--json"))
    assert [r["camera"] for r in listed] == ["cam2"] * 10
    assert listed[0]["frames"] == 8, "poor crops are not embedded"
    assert listed[0]["first"] == 0.1, "but they are part of the time span"
    assert "20 tracklets, 2 cameras, 5 persons" in run("gallery", "stats", filled)
    stats = json.loads(run("gallery", "stats", filled, "--json"))
    assert (stats["tracklets"], stats["index"], stats["model"]["name"]) == (20, "exact", "colour_histogram")


def test_a_query_in_the_gallery_is_not_its_own_answer(
    filled: Path, tracks: Path, run: Callable[..., str]
) -> None:
    for query in ("cam1/0003", tracks / "cam1" / "0003"):
        hits = json.loads(run("search", filled, query, "--json"))["hits"]
        keys = [hit["record"]["key"] for hit in hits]
        assert sum(not hit["at_once"] for hit in hits) == 10
        assert keys[0] != "cam1/0003"
        assert set(keys[:3]) == {"cam1/0004", "cam2/0003", "cam2/0004"}
        assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    table = run("search", filled, "cam1/0003", "-k", 3)
    assert len(table.splitlines()) == 5
    assert "no threshold yet" in table


def test_a_query_from_elsewhere_is_embedded(filled: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    make_tracklet(tmp_path / "cam9" / "0001", 2, first=1, label=False, seed=77)
    hits = json.loads(run("search", filled, tmp_path / "cam9" / "0001", "-k", 4, "--json", "--workers", 0))[
        "hits"
    ]
    assert {hit["record"]["person"] for hit in hits} == {2}


def test_filters(filled: Path, run: Callable[..., str]) -> None:
    def keys(*words: object) -> list[str]:
        return [
            h["record"]["key"]
            for h in json.loads(run("search", filled, "cam1/0001", "-k", 20, "--json", *words))["hits"]
        ]

    assert len(keys()) == 19
    assert {key[:4] for key in keys("--camera", "cam2")} == {"cam2"}
    assert len(keys("--camera", "cam2", "--camera", "cam1")) == 19
    assert len(keys("--from", "2")) == 10, "second pieces"
    assert len(keys("--to", "2")) == 9
    assert keys("--from", "100") == []
    assert "no tracklet passes" in run("search", filled, "cam1/0001", "--from", "100")


def test_sheet(filled: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    run("search", filled, "cam1/0001", "-k", 12, "--sheet", tmp_path / "sheet.png")
    from stca.footage.images import read_image

    image = read_image(tmp_path / "sheet.png")
    assert image.shape[0] > 500
    assert image.shape[1] > 1000


def test_a_person_is_searched_for_by_all_of_their_tracklets(
    tracks: Path, tmp_path: Path, run: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    with Gallery.open(gallery) as opened:
        keys = ["cam1/0001", "cam2/0003"]
        opened.set_persons({**dict.fromkeys(keys, 7), "cam1/0002": 8})
        own, vectors = opened.take(keys)
        every, all_vectors = opened.table()
        scores = {r.key: float((vectors @ row).mean()) for r, row in zip(every, all_vectors, strict=True)}
        beside = {r.key for r in every if r.key not in keys and any(map(r.overlaps, own))}
    found = json.loads(run("search", gallery, "--person", 7, "-k", 20, "--json"))
    assert sorted(found["queries"]) == keys
    answers = [(hit["record"]["key"], hit["score"]) for hit in found["hits"]]
    assert dict(answers) == pytest.approx({key: scores[key] for key in scores if key not in keys}, abs=1e-5)
    assert answers == sorted(answers, key=lambda answer: -answer[1])
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, 19))
    assert {hit["record"]["key"] for hit in found["hits"] if hit["at_once"]} == beside
    assert json.loads(run("search", gallery, "-k", 2, "--json", "cam1/0001"))["hits"], "options come first"
    run("person", "name", gallery, 7, "Ann")
    assert run("search", gallery, "--person", "ann", "-k", 3) == run(
        "search", gallery, "--person", 7, "-k", 3
    )
    run("search", gallery, "--person", "Ann", "--sheet", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()
    assert "--person 7" in run("search", gallery, "Ann", code=1)
    run("person", "name", gallery, 8, "7")
    assert run("search", gallery, "--person", 7, "-k", 3) == run(
        "search", gallery, "--person", "Ann", "-k", 3
    )
    run("person", "name", gallery, 8, "A\u0308nn")
    assert main(["search", str(gallery), "--person", "änn"]) == 0
    assert "(A\u0308nn): 1 tracklet\n" in capsys.readouterr().err
    assert "no person called" in run("search", gallery, "--person", "9" * 5000, code=1)
    assert "no person called '99'" in run("search", gallery, "--person", 99, code=1)
    assert "no person called 'Bob'" in run("search", gallery, "--person", "Bob", code=1)
    assert "found:    both" in run("search", gallery, "cam1/0001", "--person", 7, code=1)
    assert "found:    neither" in run("search", gallery, code=1)
    assert "--box is for photos" in run("search", gallery, "--person", 7, "--box", "1,1,5,5", code=1)


def test_calibrate_by_labels_marks_answers(tracks: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    gallery = tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    said = run("calibrate", gallery, "--far", 0.1, "--plot", tmp_path / "dir.png")
    assert "from labels: 20 searches for people in the gallery, 20 for people not in it" in said
    assert "DIR at FAR  1 %: 100.0" in said
    assert (tmp_path / "dir.png").stat().st_size > 10_000
    with Gallery.open(gallery) as opened:
        threshold = opened.calibration().threshold
        hits = opened.search(opened.get("cam1/0001")[1], 20, without="cam1/0001")
        assert [hit.accepted for hit in hits] == [hit.score >= threshold for hit in hits]
    table = run("search", gallery, "cam1/0001", "-k", 5)
    assert table.count("match") == 3
    assert table.count("below") == 2
    assert "same time: one camera saw it together with the query" in table
    run("gallery", "remove", gallery, "cam1/0002", "cam2/0001", "cam2/0002")
    assert "no match: no result reaches the threshold" in run("search", gallery, "cam1/0001")
    assert "threshold 0." in run("gallery", "stats", gallery)


def test_a_few_corrections_come_before_the_halves(tmp_path: Path, run: Callable[..., str]) -> None:
    tracks, gallery = make_tracks(tmp_path / "tracks", label=False), tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    run("person", "judge", gallery, "cam1/0001", "cam1/0002", "right")
    run("person", "judge", gallery, "cam1/0001", "cam2/0005", "wrong")
    run("person", "hide", gallery, "cam2/0010")
    said = run("calibrate", gallery, "--far", "0.1", "--workers", 0)
    assert "from time split: 38 searches for people in the gallery, 38 for people not in it" in said
    assert (
        "pairs judged by people (1 of one person, 1 of different people) came first, but give 2 searches"
        in said
    )
    assert "of at least 30 and 30 that a threshold needs. Halves of tracklets were used too" in said
    with Gallery.open(gallery) as opened:
        calibration = opened.calibration()
    assert calibration is not None
    assert (calibration.method, calibration.corrections, calibration.by_people) == ("time split", 2, True)


def test_calibrate_by_a_file_and_by_halves(
    tmp_path: Path, run: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    tracks, gallery = make_tracks(tmp_path / "tracks", label=False), tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    said = run("calibrate", gallery, "--far", 0.2, "--workers", 0)
    assert "from time split: 40 searches for people in the gallery, 40 for people not in it, among 8" in said
    labels = tmp_path / "labels.csv"
    labels.write_text("key,person\n" + "".join(f"cam1/{n:04d},{(n - 1) // 2}\n" for n in range(1, 11)))
    assert "from labels: 10 searches" in run("calibrate", gallery, "--labels", labels)
    labels.write_text("key,person\ncam1/0001,x\n")
    assert "columns key,person" in run("calibrate", gallery, "--labels", labels, code=1)
    assert "for a false-accept rate of 100 %" in run("calibrate", gallery, "--far", 1)
    with pytest.raises(SystemExit):
        main(["calibrate", str(gallery), "--far", "2"])
    assert "between 0 and 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("a,1\nb,2\na,3\n", "'a' is named a second time in line 4"),
        (f"a,{10**30}\n", "beyond 64 bits in line 2"),
        (f"{'a' * 140_000},1\n", "field larger than field limit"),
        ("a\n", "columns key,person"),
    ],
)
def test_labels_that_are_refused(tmp_path: Path, lines: str, complaint: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"key,person\n{lines}")
    with pytest.raises(GalleryError, match=complaint) as error:
        read_labels(path)
    assert str(path) in str(error.value)


def test_an_empty_query_is_not_the_current_folder(
    filled: Path, tracks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tracks / "cam1" / "0001")
    with pytest.raises(SystemExit):
        main(["search", str(filled), ""])
    assert "this one is empty" in capsys.readouterr().err


def test_a_camera_that_there_is_not_is_no_filter(filled: Path, run: Callable[..., str]) -> None:
    for words in (("search", filled, "cam1/0001"), ("gallery", "list", filled)):
        said = run(*words, "--camera", "cam12", code=1)
        assert "There is no such camera" in said
        assert "cam1, cam2" in said


def test_the_folder_around_a_gallery_names_it(filled: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    shutil.copytree(filled, tmp_path / "people" / "gallery")
    assert f"{tmp_path / 'people' / 'gallery'} is one" in run("gallery", "stats", tmp_path / "people", code=1)


def test_without_labels_public_sets_come_before_halves(
    tmp_path: Path,
    run: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracks, gallery = make_tracks(tmp_path / "tracks", label=False), tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    publish_scores(gallery, monkeypatch)
    assert main(["calibrate", str(gallery)]) == 0
    printed = capsys.readouterr()
    assert "from pictures of two cameras in public sets" in printed.out
    assert "neither labels nor corrections: public sets are taken (--halves" in printed.err
    run("person", "judge", gallery, "cam1/0001", "cam1/0002", "right")
    assert main(["calibrate", str(gallery)]) == 0
    assert "of at least 30 and 100 that a threshold needs: public sets are taken" in capsys.readouterr().err
    assert "or --halves" in run("calibrate", gallery, "--plot", tmp_path / "p.png", code=1)
    assert "from time split" in run("calibrate", gallery, "--halves", "--workers", 0)
    labels = tmp_path / "labels.csv"
    labels.write_text("key,person\n" + "".join(f"cam1/{n:04d},{(n - 1) // 2}\n" for n in range(1, 11)))
    assert "from labels: 10 searches" in run("calibrate", gallery, "--labels", labels)
    assert "this would replace it" in run("calibrate", gallery, code=1)
    with Gallery.open(gallery) as opened:
        assert opened.calibration().method == "labels"
    assert "between 0 and 1" in run("calibrate", gallery, "--public", "--far", 1, code=1)
    assert "before it was" in run("calibrate", gallery, "--public")
    with pytest.raises(SystemExit):
        main(["calibrate", str(gallery), "--public", "--halves"])


def publish_scores(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the package had scores of the gallery's network on a public set."""
    with Gallery.open(gallery) as opened:
        weights = opened.fingerprint.weights
    scores = {
        "pairs": [100, 1000],
        "different": [0.01 * n for n in range(15)],
        "linked": [0.01 * n for n in range(15)],
        "same": [0.05 * n for n in range(19)],
    }
    networks = [{"name": "net", "weights": weights, "sets": {"one": scores}}]
    monkeypatch.setattr(cross_camera, "_networks", lambda: networks)


def test_calibrating_says_what_it_replaces(
    filled: Path, tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(filled, tmp_path / "g")
    assert "has no scores of this gallery's network" in run("calibrate", tmp_path / "g", "--public", code=1)
    publish_scores(tmp_path / "g", monkeypatch)
    said = run("calibrate", tmp_path / "g", "--public", "--far", "0.1")
    assert "false-accept rate of 10 %" in said
    assert "public sets" in run("search", tmp_path / "g", "cam1/0001").splitlines()[-1]
    said = run("calibrate", tmp_path / "g")
    assert re.search(
        r"stored; before it was 0\.\d+, from public sets; --public --far 0\.1 takes that again", said
    )
    assert "from labels, where" in run("search", tmp_path / "g", "cam1/0001").splitlines()[-1]
    assert "neither --across nor --plot" in run("calibrate", tmp_path / "g", "--public", "--across", code=1)
    for words in (["--public"], []):
        with closing(sqlite3.connect(tmp_path / "g" / "gallery.sqlite")) as db, db:
            db.execute("UPDATE meta SET value = '{' WHERE name = 'calibration'")
        assert "stca calibrate GALLERY" in run("search", tmp_path / "g", "cam1/0001", code=1)
        said = run("calibrate", tmp_path / "g", *words)
        assert "stored; the one before was damaged" in said
        assert "threshold" in run("search", tmp_path / "g", "cam1/0001").splitlines()[-1]


def test_errors_say_what_to_do(filled: Path, tracks: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    assert "no gallery here" in run("search", tmp_path / "nothing", "cam1/0001", code=1)
    assert "no gallery here" in run("gallery", "stats", tracks, code=1)
    assert "did you mean 'cam1/0010'" in run("search", filled, "cam1/001", code=1)
    assert "A query is one tracklet" in run("search", filled, tracks, code=1)
    assert "not the model" in run("gallery", "add", filled, tracks, "--model", "stca_small", code=1)
    assert "not the model" in run("search", filled, "cam1/0001", "--model", "stca_small", code=1)
    assert "folder of its own" in run("gallery", "add", tracks, tracks, code=1)
    assert "no such folder of tracks" in run("gallery", "add", filled, tmp_path / "none", code=1)
    assert "no tracklet" in run("gallery", "remove", filled, "cam1/9999", code=1)
    for words in (["search", "g", "q", "--from", "noon"], ["search", "g", "q", "-k", "0"]):
        with pytest.raises(SystemExit):
            main(words)
    assert not (tmp_path / "nothing").exists()


def test_a_crashed_add_goes_on_where_it_was(
    tracks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stca.gallery import embedding

    monkeypatch.setattr(embedding, "_BATCH", 6)
    model, found = stca.create_model("stca_small", num_ids=1).eval(), find_tracklets(tracks)
    embedded: list[str] = []
    real = Embedder.embed

    def failing(embedder, part, **options):
        if len(embedded) == 12:
            raise DatasetError("the power is gone")
        embedded.extend(each.key for each in part)
        return real(embedder, part, **options)

    monkeypatch.setattr(Embedder, "embed", failing)
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        with pytest.raises(DatasetError, match="power"):
            add_tracklets(gallery, model, found, workers=0)
        assert len(gallery) == 12
    embedded.append("and back")
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        assert add_tracklets(gallery, model, found, workers=0) == Added(8, 12)
        wanted = stca.embed_tracklets(model, [stca.Tracklet(f.frames, 0, 0, f.key) for f in found], workers=0)
        units = wanted.vectors / np.linalg.norm(wanted.vectors, axis=1, keepdims=True)
        assert np.allclose(gallery.vectors(), units, atol=1e-5)
        assert [r.key for r in gallery.records()] == [f.key for f in found]


def test_changed_crops_are_an_error_or_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "cam1" / "0001"
    make_tracklet(folder, 1, first=1, label=False)
    model = stca.create_model("colour_histogram", num_ids=1).eval()
    with Gallery.open(tmp_path / "g", model=model) as gallery:
        add_tracklets(gallery, model, find_tracklets(tmp_path / "cam1"), workers=0)
        make_tracklet(folder, 2, first=1, label=False)
        with pytest.raises(GalleryError, match="with other frames"):
            add_tracklets(gallery, model, find_tracklets(tmp_path / "cam1"), workers=0)
        changed = find_tracklets(tmp_path / "cam1")
        assert add_tracklets(gallery, model, changed, replace=True, workers=0) == Added(replaced=1)
        assert len(gallery) == 1


def test_two_folders_with_the_same_keys_are_refused_together_and_one_after_the_other(
    tmp_path: Path, run: Callable[..., str]
) -> None:
    for name, person in (("monday", 1), ("tuesday", 2)):
        make_tracklet(tmp_path / name / "cam1" / "0001", person, first=1, label=False)
    gallery, options = tmp_path / "g", ("--model", "colour_histogram", "--workers", 0)
    said = run("gallery", "add", gallery, tmp_path / "monday", tmp_path / "tuesday", *options, code=1)
    assert "same key" in said
    assert str(tmp_path / "monday" / "cam1" / "0001") in said
    assert "different names" in said
    with Gallery.open(gallery) as opened:
        assert len(opened) == 0
    # One folder that is named twice is no harm.
    twice = run("gallery", "add", gallery, tmp_path / "monday", tmp_path / "monday" / "cam1", *options)
    assert "1 added; 1 tracklets" in twice
    said = run("gallery", "add", gallery, tmp_path / "tuesday", *options, code=1)
    assert "camera folder of another name" in said


def test_times_and_folders_are_brought_up_to_date(tmp_path: Path, run: Callable[..., str]) -> None:
    tracks, gallery = tmp_path / "tracks", tmp_path / "g"
    for number in (1, 2):
        make_tracklet(tracks / "cam1" / f"{number:04d}", number, first=1, label=False)
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    with Gallery.open(gallery) as opened:
        assert [(r.first, r.clock) for r in opened.records()] == [(0.1, "cam1/v.mp4")] * 2
    make_tracklet(tracks / "cam1" / "0001", 1, first=1, label=True, start=1.7e9)
    assert "0 added, 1 updated, 1 already there" in run("gallery", "add", gallery, tracks, "--workers", 0)
    with Gallery.open(gallery) as opened:
        found = opened.get("cam1/0001")[0]
        assert (found.first, found.clock, found.label) == (1.7e9 + 0.1, "", 1)
        assert [hit.key for hit in opened.search(opened.vectors()[0], time=(1.6e9, 1.8e9))] == ["cam1/0001"]
    tracks.rename(tmp_path / "moved")
    said = run("gallery", "add", gallery, tmp_path / "moved", "--replace", "--workers", 0)
    assert "0 added, 2 updated" in said
    with Gallery.open(gallery) as opened:
        assert all(find_crops(each) is not None for each in opened.records())


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_one_clock_for_what_is_typed_and_what_is_shown(tmp_path: Path, run: Callable[..., str]) -> None:
    from stca.cli.parsing import moment, seconds

    start = moment("2026-01-31T10:00:00")
    assert start == moment("2026-01-31T09:00:00Z") == moment("2026-01-31T10:00:00+01:00") == 1769850000
    assert seconds("2026-07-31T10:00") == moment("2026-07-31T08:00Z")
    assert seconds("12.5") == 12.5
    for text in ("noon", "nan", "0000-00-00"):
        with pytest.raises(argparse.ArgumentTypeError, match=r"is needed|expected a date and time"):
            seconds(text)
    make_tracklet(tmp_path / "cam1" / "0001", 1, first=1, label=False, start=start)
    make_tracklet(tmp_path / "cam1" / "0002", 1, first=1, label=False, start=start + 3600)
    gallery = tmp_path / "g"
    run("gallery", "add", gallery, tmp_path / "cam1", "--model", "colour_histogram", "--workers", 0)
    shown = run("gallery", "list", gallery)
    assert "2026-01-31 10:00:00 to 10:00:00+01:00" in shown
    for words in (("2026-01-31T10:30",), ("2026-01-31T09:30Z",)):
        hits = run("search", gallery, "cam1/0001", "--from", *words)
        assert "cam1/0002" in hits
        assert "2026-01-31 11:00:00 to 11:00:00+01:00" in hits
    assert "no tracklet passes" in run("search", gallery, "cam1/0001", "--from", "2026-01-31T11:30")
    assert format_span(Record("a/1", "a", start, start + 86400)).endswith("to 2026-02-01 10:00:00+01:00")
    summer = moment("2026-10-25T00:30Z")
    assert format_span(Record("a/1", "a", summer, summer + 3600)).count("+0") == 2, "the clocks went back"


def test_times_that_are_none_are_shown_as_numbers(tmp_path: Path, run: Callable[..., str]) -> None:
    with Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(3)) as gallery:
        gallery.add([Record("a/1", "a", -1e300, 1e300)], np.ones((1, 3), np.float32))
    assert "-1e+300 s to 1e+300 s" in run("gallery", "list", tmp_path / "g")
    assert "-1e+300 s to 1e+300 s" in run("gallery", "stats", tmp_path / "g")
    assert "-1e+300 s" in run("link", tmp_path / "g", "--threshold", 0.5)


@pytest.mark.usefixtures("berlin")
def test_an_hour_that_the_clock_repeats_is_two_hours(tmp_path: Path, run: Callable[..., str]) -> None:
    """On 25 October 2026, 02:30 comes twice in Berlin: an offset says which one is meant."""
    summer, winter = moment("2026-10-25T02:30+02:00"), moment("2026-10-25T02:30+01:00")
    assert winter - summer == 3600
    for number, start in ((1, summer), (2, winter), (3, summer)):
        make_tracklet(tmp_path / "cam1" / f"{number:04d}", number, first=1, label=False, start=start)
    run("gallery", "add", tmp_path / "g", tmp_path / "cam1", "--model", "colour_histogram", "--workers", 0)
    shown = run("gallery", "list", tmp_path / "g").splitlines()
    assert "2026-10-25 02:30:00 to 02:30:00+02:00" in shown[1]
    assert "2026-10-25 02:30:00 to 02:30:00+01:00" in shown[2]
    span = ("--from", "2026-10-25T02:20+01:00", "--to", "2026-10-25T02:40+01:00")
    hits = json.loads(run("search", tmp_path / "g", "cam1/0001", *span, "--json"))["hits"]
    assert [hit["record"]["key"] for hit in hits] == ["cam1/0002"]


def test_more_results_than_tracklets_gives_them_all(filled: Path, run: Callable[..., str]) -> None:
    hits = json.loads(run("search", filled, "cam1/0001", "-k", 1000, "--json"))["hits"]
    assert len(hits) == 19
    assert [hit["rank"] for hit in hits] == list(range(1, 20))
    assert len(run("search", filled, "cam1/0001", "-k", 1000).splitlines()) == 19 + len(
        ("head", "same time", "threshold")
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_unicode_shows_results(
    tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks, gallery = make_tracks(tmp_path / "tracks"), tmp_path / "g"
    for words, expected in [
        (("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0), "20 added"),
        (("calibrate", gallery, "--far", 0.1), "DIR at FAR 10 %"),
        (("search", gallery, "cam1/0001"), "match"),
        (("search", gallery, tracks / "cam1" / "0001" / "000003.jpg"), "match"),
        (("gallery", "list", gallery), "cam1/0001"),
        (("gallery", "stats", gallery), "threshold"),
        (("link", gallery), "mean cosine"),
        (("gallery", "remove", gallery, "cam1/0001"), "1 removed"),
    ]:
        printed = io.BytesIO()
        terminal = io.TextIOWrapper(printed, encoding=encoding, write_through=True)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            assert main([str(word) for word in words]) == 0
        assert expected in printed.getvalue().decode(encoding)


def test_how_to_compute_is_passed_on(
    tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stca import embedding

    tracks, gallery = make_tracks(tmp_path / "tracks", label=False), tmp_path / "g"
    run("gallery", "add", gallery, tracks, "--model", "colour_histogram", "--workers", 0)
    plan, batches, asked = embedding.plan_inference, embedding.dense_batches, []

    def noting_plan(*given: object, **options: object) -> object:
        asked.append({"device": options["device"], "precision": options["precision"]})
        return plan(*given, **options | {"precision": "float32"})

    def noting_batches(*given: object, **options: object) -> object:
        asked[-1] |= {name: options[name] for name in ("batch_size", "workers")}
        return batches(*given, **options | {"workers": 0})

    monkeypatch.setattr(embedding, "plan_inference", noting_plan)
    monkeypatch.setattr(embedding, "dense_batches", noting_batches)
    options = ("--precision", "bf16", "--batch-size", 3, "--workers", 1)
    wanted = {"device": "auto", "precision": "bf16", "batch_size": 3, "workers": 1}
    run("calibrate", gallery, "--far", 0.2, *options)
    make_tracklet(tmp_path / "cam9" / "0001", 2, first=1, label=False, seed=77)
    run("search", gallery, tmp_path / "cam9" / "0001", *options)
    assert asked == [wanted, wanted]
    run("search", gallery, tmp_path / "cam9" / "0001")
    assert asked[-1]["workers"] == 0, "by default no processes for one tracklet"


def test_halves_of_so_many_tracklets_at_most(filled: Path) -> None:
    model = stca.create_model("colour_histogram", num_ids=1).eval()
    with Gallery.open(filled) as gallery:
        known_pairs = time_split_set(gallery, model, workers=0, limit=12)
        assert len(known_pairs.records) == 2 * 10, "every second one of 20"
        assert known_pairs.records[0].key == known_pairs.records[1].key


def test_asking_from_python(filled: Path, tracks: Path, tmp_path: Path) -> None:
    make_tracklet(tmp_path / "cam9" / "0001", 2, first=1, label=False, seed=77)
    (query,), (own, *_) = find_tracklets(tmp_path / "cam9"), find_tracklets(tracks)
    opened = []

    def model() -> stca.models.ReIDModel:
        opened.append(True)
        return stca.create_model("colour_histogram", num_ids=1).eval()

    with Gallery.open(filled) as gallery:
        record, hits = search_tracklet(gallery, model, own, 3)
        assert (record.key, record.person, len(hits)) == (own.key, 0, 3)
        assert own.key not in [hit.key for hit in hits]
        assert not opened, "its own vector does"
        record, hits = search_tracklet(gallery, model, query, 4, cameras=["cam2"])
        assert {(hit.record.person, hit.record.camera) for hit in hits[:2]} == {(2, "cam2")}
        assert search_tracklet(gallery, model(), query, 4, cameras=["cam2"]) == (record, hits)
