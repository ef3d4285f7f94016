"""How long cameras' tracklets are kept, and what is forgotten while somebody watches."""

from pathlib import Path

import pytest

from kept_gallery import found_in, make_gallery, needles
from made_gallery import vectors
from stca.boxes import MotRow
from stca.gallery import Gallery, Record
from stca.gallery.keeping import forget
from stca.tracking.camera_folder.writing import CameraFolder
from stca.watch.events import Outbox
from stca.watch.keeping import Retention
from stca.watch.people.embedding import SharedEmbedder
from stca.watch.settings import CameraSettings, WatchSettings
from stca.watch.telling import Told
from stca.watch.watching import Watching, assemble

DAY = 86_400.0
CAM1 = CameraSettings("cam1", "usb:0", retention=DAY)
CAM2 = CameraSettings("cam2", "usb:1")
KEY = "cam1/0004"


@pytest.fixture
def gallery(tmp_path: Path):
    with make_gallery(tmp_path) as made:
        yield made


def cameras_of(gallery: Gallery) -> set[str]:
    return {record.camera for record in gallery.records()}


def test_each_camera_has_its_own_time(gallery: Gallery, capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    others = cameras_of(gallery) - {"cam1"}
    retention = Retention(gallery, [CAM1, CAM2], lambda: now[0])
    assert retention.apply_if_due()
    assert cameras_of(gallery) == others == {"cam2", "cam3"}
    assert "retention: erased " in capsys.readouterr().err
    gallery.add([Record("cam1/1000", "cam1", 1e9, 1e9)], vectors(1))
    assert not retention.apply_if_due(), "looked at a moment ago"
    assert "cam1" in cameras_of(gallery)
    now[0] = DAY / 100
    assert retention.apply_if_due()
    now[0] *= 2
    assert not retention.apply_if_due(), "nothing is old"


def test_without_a_retention_nothing_is_forgotten(gallery: Gallery) -> None:
    assert not Retention(gallery, [CAM2]).apply_if_due()
    assert len(gallery) == 12


def test_it_is_applied_while_cameras_are_watched(tmp_path: Path, gallery: Gallery) -> None:
    settings = WatchSettings(tmp_path, (CAM1, CAM2), threshold=0.7)
    outbox = Outbox(tmp_path / "events.sqlite")
    parts = assemble(settings, gallery, SharedEmbedder.__new__(SharedEmbedder), outbox)
    told = Told(outbox, settings, [])
    watching = Watching(settings, parts, told, Retention(gallery, settings.cameras))
    known = {each.key for each in parts.identities.sightings()}
    watching.step(0.01)
    kept = {record.key for record in gallery.records()}
    assert kept < known
    assert {each.key for each in parts.identities.sightings()} == kept, (
        "nobody is compared with them any more"
    )
    told.close()
    outbox.close()


def test_rows_of_a_camera_that_is_written_are_erased_too(tmp_path: Path, gallery: Gallery) -> None:
    pieces = needles(gallery, KEY)
    camera = tmp_path / "tracks" / "cam1"
    settings = {"source": "cam1"}
    (camera / "video.json").unlink()
    (camera / "tracks.txt").rename(tmp_path / "rows")
    for folder in list(camera.iterdir()):
        folder.rename(tmp_path / folder.name)
    writing = CameraFolder(camera, settings)
    writing.begin(keep=True)
    for folder in tmp_path.glob("0*"):
        folder.rename(camera / folder.name)
    (camera / "tracks.txt").write_bytes((tmp_path / "rows").read_bytes())
    before = (camera / "tracks.txt").read_text().splitlines()
    assert forget(gallery, [KEY]).left == ()
    writing.add_rows([MotRow(9999, 77, 1.0, 2.0, 3.0, 4.0)])
    rows = (camera / "tracks.txt").read_text().splitlines()
    assert rows[:-1] == [row for row in before if row.split(",")[1] != "4"]
    assert rows[-1].startswith("9999,77,")
    forget(gallery, [record.key for record in gallery.records() if record.camera == "cam1"])
    writing.close()
    (tmp_path / "rows").unlink()
    assert found_in(tmp_path, pieces) == []
    again = CameraFolder(camera, settings)
    assert again.begin(keep=True).number == 78, "no number is used twice"
    again.close()
