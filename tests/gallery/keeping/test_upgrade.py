"""Galleries of version 0.1, and of before the column `clock`."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from stca.cli.main import main
from stca.errors import GalleryError
from stca.gallery import Gallery
from stca.gallery.index.file import FILE as INDEX_FILE
from stca.gallery.keeping import upgrade
from stca.gallery.store.file import FILE

OLD = Path(__file__).parents[2] / "data" / "v0_1"
EXPECTED = json.loads((OLD / "expected.json").read_text())["gallery"]


def answers(folder: Path) -> tuple[list[str], list[float], object, dict[str, int | None]]:
    with Gallery.open(folder) as gallery:
        hits = gallery.search(gallery.get("cam1/0004")[1], 20, without="cam1/0004")
        persons = {record.key: record.person for record in gallery.records()}
        return [hit.key for hit in hits], [hit.score for hit in hits], gallery.calibration(), persons


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copytree(OLD / "gallery", tmp_path / "gallery")
    return tmp_path / "gallery"


def test_version_0_1(old: Path) -> None:
    keys, scores, calibration, persons = answers(old)
    assert keys == [key for key, _ in EXPECTED["by_key"]]
    assert scores == pytest.approx([score for _, score in EXPECTED["by_key"]], abs=1e-3)
    assert len(upgrade(old)) == 3
    assert upgrade(old) == []
    assert answers(old) == (keys, scores, calibration, persons)


def test_before_the_clock(old: Path) -> None:
    before = answers(old)
    with sqlite3.connect(old / FILE) as db:
        db.execute("ALTER TABLE tracklets DROP COLUMN clock")
    (old / INDEX_FILE).write_bytes(b'{"what": "stca gallery index 1"}\n')
    changed = upgrade(old)
    assert "clock" in changed[0]
    assert "index" in changed[-1]
    assert not (old / INDEX_FILE).exists()
    assert upgrade(old) == []
    assert answers(old) == before


def test_refused(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GalleryError, match="no gallery"):
        upgrade(tmp_path / "nowhere")
    with sqlite3.connect(old / FILE) as db:
        db.execute("UPDATE meta SET value = '9' WHERE name = 'format'")
    assert main(["gallery", "upgrade", str(old)]) == 1
    assert "another version" in capsys.readouterr().err
