"""`stca person`: from the command line, what people correct."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stca.cli import main
from stca.gallery import Gallery, ModelFingerprint, Record

LOOKS = {"a": 0, "b": 0, "c": 1, "d": 1, "e": 2, "poster": 3}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "g"
    with Gallery.open(folder, model=ModelFingerprint.bare(4)) as gallery:
        rows = np.eye(4, dtype=np.float32)[list(LOOKS.values())]
        records = [Record(key, f"cam{n % 2}", 10.0 * n, 10.0 * n + 1) for n, key in enumerate(LOOKS)]
        gallery.add(records, rows + 0.01)
    assert main(["link", str(folder), "--threshold", "0.5"]) == 0
    return folder


def test_an_evening_of_corrections(place: Path, run: Callable[..., str]) -> None:
    assert "Anna" in run("person", "name", place, 1, "Anna", "--author", "Kim")
    assert "person 3 is person 2 now" in run("person", "merge", place, 2, 3)
    assert "d of their own: person 5" in run("person", "split", place, "d")
    assert "poster hidden" in run("person", "hide", place, "poster")
    assert "different people" in run("person", "judge", place, "d", "a", "wrong")
    lines = run("person", "list", place).splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["1", "Anna", "2"],
        ["2", "2", "0:00:20.0"],
        ["5", "1", "0:00:30.0"],
    ]
    assert run("person", "list", place, 1).splitlines() == [
        "person 1: Anna",
        "  a  0:00:00.0 to 0:00:01.0",
        "  b  0:00:10.0 to 0:00:11.0",
    ]
    said = run("link", place, "--threshold", "0.5")
    assert "corrections by people that hold: 3" in said
    assert "hidden tracklets: 1" in said
    people = json.loads(run("person", "list", place, "--json"))
    assert [[r["key"] for r in person["records"]] for person in people] == [["a", "b"], ["c", "e"], ["d"]]
    assert [person["name"] for person in people] == ["Anna", None, None]
    assert "poster" not in run("search", place, "a", "-k", 10)
    assert "poster" in run("search", place, "a", "-k", 10, "--hidden")
    assert "hidden    1 of them" in run("gallery", "stats", place)


def test_who_was_there_at_the_same_time_is_hardly_one_person(
    tmp_path: Path, run: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(3)) as gallery:
        times = {"a": (0.0, 5.0), "b": (3.0, 9.0), "c": (9.0, 12.0)}
        gallery.add([Record(key, "door", *time) for key, time in times.items()], np.eye(3, dtype=np.float32))
        gallery.set_persons({"a": 1, "b": 2, "c": 3})
    run("person", "merge", tmp_path / "g", 2, 3)
    assert "warning" not in capsys.readouterr().err, "one came when the other had gone"
    main(["person", "merge", str(tmp_path / "g"), "1", "2"])
    assert "door saw them at the same time (a, b)" in capsys.readouterr().err


def test_undo_and_the_log(place: Path, run: Callable[..., str]) -> None:
    run("person", "merge", place, 1, 2, "--author", "Kim")
    run("person", "hide", place, "poster")
    run("person", "show", place, "poster")
    assert "is undone" in run("person", "undo", place, 1)
    assert "undone already" in run("person", "undo", place, 1, code=1)
    assert len(json.loads(run("person", "list", place, "--json"))) == 3
    lines = run("person", "log", place).splitlines()
    assert ["merge: a, b with c, d" in lines[0], "hide: poster" in lines[1], "show: poster" in lines[2]] == [
        True
    ] * 3
    assert "by Kim" in lines[0]
    assert "undone" in lines[0]
    log = json.loads(run("person", "log", place, "--json"))
    assert [(each["kind"], each["keys"], each["left_out"]) for each in log] == [
        ("merge", ["a", "b"], False),
        ("hide", ["poster"], False),
        ("show", ["poster"], False),
    ]
    run("person", "split", place, "d")
    run("link", place, "--threshold", "0.5")
    assert "counts from the next stca link on" in run("person", "undo", place, 4)


def test_labelled_pairs(place: Path, run: Callable[..., str], tmp_path: Path) -> None:
    run("person", "merge", place, 2, 3, "--author", "Kim")
    run("person", "split", place, "d")
    rows = list(csv.DictReader(io.StringIO(run("person", "pairs", place))))
    assert sorted((row["key"], row["other"], row["same"], row["author"]) for row in rows) == [
        ("c", "d", "0", ""),
        ("c", "e", "1", "Kim"),
        ("d", "e", "0", ""),
    ]
    assert all(float(row["time"]) > 1e9 for row in rows)
    out = tmp_path / "pairs.csv"
    assert "3 pairs" in run("person", "pairs", place, "--out", out)
    assert list(csv.DictReader(out.open())) == rows


def test_nobody_yet(tmp_path: Path, run: Callable[..., str]) -> None:
    Gallery.open(tmp_path / "g", model=ModelFingerprint.bare(4)).close()
    assert "nobody yet" in run("person", "list", tmp_path / "g")
    assert "nobody has corrected" in run("person", "log", tmp_path / "g")
    assert run("person", "pairs", tmp_path / "g") == "key,other,same,time,author\n"
    assert "no person 7" in run("person", "list", tmp_path / "g", 7, code=1)
    assert "no person 1" in run("person", "name", tmp_path / "g", 1, "Anna", code=1)
