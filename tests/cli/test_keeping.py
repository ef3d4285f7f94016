"""`stca gallery forget | expire | backup | restore | upgrade`, and `--blur`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kept_gallery import make_gallery
from stca.cli import main
from stca.cli.galleries.keeping import age
from stca.gallery import Gallery
from stca.gallery.keeping import forgetting


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_gallery(tmp_path).close()
    return tmp_path / "gallery"


def test_forget(place: Path, run: Callable[..., str]) -> None:
    page = place.parent / "people.html"
    page.write_text('<meta name="generator" content="stca find">')
    assert "nothing is left" in run("gallery", "forget", place)
    said = run("gallery", "forget", place, "cam1/0004", "--dry-run")
    assert "would be erased: 1 tracklets, 8 crops" in said
    assert "people.html: would be erased too" in said
    assert page.exists()
    said = run("gallery", "forget", place, "cam1/0004")
    assert said.startswith("cam1/0004\nerased: 1 tracklets, 8 crops")
    assert "not added again; videos, backups" in said
    assert not page.exists()
    assert "did you mean" in run("gallery", "forget", place, "cam1/004", code=1)
    run("person", "name", place, 1, "Ada")
    assert "erased: 3 tracklets" in run("gallery", "forget", place, "--person", "Ada")
    assert "no person 'Ada'" in run("gallery", "forget", place, "--person", "Ada", code=1)
    assert "erased: 3 tracklets" in run("gallery", "forget", place, "--person", "3")
    assert "two ways" in run("gallery", "forget", place, "cam1/0005", "--person", "2", code=1)
    with Gallery.open(place) as gallery:
        assert len(gallery) == 5


def test_what_could_not_be_erased_is_an_error(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.parent / "tracks" / "cam1" / "0004"
    (folder / "tracklet.json").write_text("damaged")
    assert main(["gallery", "forget", str(place), "cam1/0004", "--dry-run"]) == 0
    assert main(["gallery", "forget", str(place), "cam1/0004"]) == 1
    output = capsys.readouterr()
    assert f"left: {folder}" in output.out
    assert "Not everything was erased" in output.err
    assert folder.exists()
    with Gallery.open(place) as gallery:
        assert gallery.get("cam1/0004") is None
    for call in (["forget"], ["forget", "--dry-run"], ["expire", "--older", "3000w"], ["forget"]):
        code = main(["gallery", call[0], str(place), *call[1:]])
        output = capsys.readouterr()
        assert f"left: {folder}" in output.out
        assert code == ("--dry-run" not in call)
        assert ("the gallery has a note of them" in output.err) == code
    assert main(["gallery", "stats", str(place)]) == 0
    assert f"to be erased: {folder}" in capsys.readouterr().out
    shutil.rmtree(folder)
    assert main(["gallery", "forget", str(place)]) == 0
    assert "erased: nothing" in capsys.readouterr().out
    assert main(["gallery", "forget", str(place)]) == 0
    assert "nothing is left to be forgotten" in capsys.readouterr().out


def test_a_page_that_could_not_be_erased_is_not_forgotten(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = place.parent / "people.html"
    page.write_text('<meta name="generator" content="stca find">')
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "erase_file", lambda path: path.rmdir())  # of a file: an OSError
        for keys in (["cam1/0004"], []):
            assert main(["gallery", "forget", str(place), *keys]) == 1
            assert f"left: {page}: Not a directory" in capsys.readouterr().out
    assert main(["gallery", "forget", str(place)]) == 0
    assert not page.exists()


def test_stats_say_what_is_unfinished(place: Path, run: Callable[..., str]) -> None:
    assert "not finished" not in run("gallery", "stats", place)
    with Gallery.open(place) as gallery:
        gallery.store.begin_erasing(["cam1/0004"], [], remember=True)
    assert f"not finished: stca gallery forget {place}" in run("gallery", "stats", place)
    assert "erased: 1 tracklets" in run("gallery", "forget", place)
    assert "not finished" not in run("gallery", "stats", place)


def test_expire(place: Path, run: Callable[..., str]) -> None:
    assert "erased: nothing" in run("gallery", "expire", place, "--older", "3000w")
    assert "would be erased: 4 tracklets" in run(
        *("gallery", "expire", place, "--older", "1h", "--camera", "cam1", "--dry-run")
    )
    assert "did you mean 'cam" in run("gallery", "expire", place, "--older", "1h", "--camera", "cam", code=1)
    assert "erased: 12 tracklets" in run("gallery", "expire", place, "--older", "1h")


def test_backup_and_restore(place: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    assert "12 tracklets" in run("gallery", "backup", place, tmp_path / "copy")
    run("gallery", "forget", place, "cam1/0004")
    assert "--force" in run("gallery", "restore", tmp_path / "copy", place, code=1)
    said = run("gallery", "restore", tmp_path / "copy", place, "--force")
    assert "11 tracklets" in said
    assert "1 forgotten since, erased again" in said
    assert "12 tracklets" in run("gallery", "restore", tmp_path / "copy", tmp_path / "new")


def test_upgrade(place: Path, run: Callable[..., str]) -> None:
    assert "a table for" in run("gallery", "upgrade", place)
    assert "nothing to change" in run("gallery", "upgrade", place)


def test_ages() -> None:
    assert [age(text) for text in ("45s", "90m", "12h", "30d", "2w", "0.5d")] == [
        *(45, 5400, 43200, 2592000, 1209600, 43200)
    ]
    for text in ("30", "d", "0d", "-1d", "1y", "1 d"):
        with pytest.raises(Exception, match="an age is"):
            age(text)


def test_heads_are_blurred_on_sheets(place: Path, tmp_path: Path, run: Callable[..., str]) -> None:
    assert "--blur does nothing without --out" in run("link", place, "--blur", code=1)
    assert "--blur does nothing without --sheet" in run("search", place, "cam1/0004", "--blur", code=1)
    run("link", place, "--threshold", "0.3", "--out", tmp_path / "plain")
    run("link", place, "--threshold", "0.3", "--out", tmp_path / "blurred", "--blur")
    plain, blurred = (
        np.asarray(Image.open(tmp_path / name / "persons-01.png")).astype(int)
        for name in ("plain", "blurred")
    )
    differs = (plain != blurred).any(axis=2)
    rows = [row for row in range(differs.shape[0]) if differs[row].any()]
    height = 104 + 38 + 8  # of a person's row; crops stand in it from 4 on, 104 high
    assert rows
    assert all(row % height < 4 + 104 for row in rows)
    for name, options in (("a.png", ()), ("b.png", ("--blur",))):
        run("search", place, "cam1/0004", "-k", 3, "--sheet", tmp_path / name, *options)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
