"""`stca gallery copy` between engines."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from made_gallery import FINGERPRINT, record, vectors
from milvus_server import MilvusServer
from stca.cli import main
from stca.errors import GalleryError
from stca.gallery import Added, Calibration, Gallery, ModelFingerprint
from stca.gallery.keeping import copy_gallery, forget
from stca.gallery.keeping import copying as module
from stca.linking.persons import hide, merge_persons, name_person, undo

CALIBRATION = Calibration(
    threshold=0.9, far=0.01, method="labels", searches=50, impostors=100, rows=12,
    dir_at_threshold=0.5, dir_at_1=0.5, dir_at_10=0.6,
)  # fmt: skip


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "server":
        server: MilvusServer = request.getfixturevalue("milvus_server")
        return f"{server.address}/g{secrets.token_hex(4)}?acknowledge=log"
    pytest.importorskip("milvus_lite", reason="needs the extra stca[milvus]")
    return f"milvus://{tmp_path}/copy.db"


def filled(place: Path) -> Path:
    """30 tracklets, persons, corrections one of which is undone, a hidden one, a threshold, a forgotten one."""
    with Gallery.open(place, model=FINGERPRINT, source="its model") as gallery:
        gallery.add([record(i) for i in range(31)], vectors(31))
        gallery.set_persons({record(i).key: 1 + i % 4 for i in range(20)})
        name_person(gallery, 1, "Ada")
        undo(gallery, merge_persons(gallery, 1, 2).id)
        hide(gallery, [record(29).key])
        gallery.set_calibration(CALIBRATION)
        forget(gallery, [record(30).key])
    return place


def contents(place: Path | str) -> tuple[object, ...]:
    with Gallery.open(place) as gallery:
        kept = list(gallery.records()), gallery.corrections(), gallery.hidden(), gallery.calibration()
        again = gallery.forgotten([record(30)])
        return (*kept, again, gallery.source, gallery.linkings(), gallery.vectors().tobytes())


def test_there_and_back(tmp_path: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    origin = filled(tmp_path / "g")
    assert main(["gallery", "copy", str(origin), address]) in (0, None)
    words = capsys.readouterr().out
    assert words.startswith("30 tracklets copied, 30 in both; 30 compared: equal, and 100.0 %")
    back = copy_gallery(address, tmp_path / "back")
    assert (back.tracklets, back.added, back.agreement) == (30, 30, 1.0)
    assert contents(origin) == contents(address) == contents(tmp_path / "back")
    with Gallery.open(address) as gallery:
        assert gallery.add([record(30)], vectors(31)[30:]) == Added(forgotten=1)


def test_an_interrupted_copy_goes_on(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = filled(tmp_path / "g")
    monkeypatch.setattr(module, "_BATCH", 8)
    real, calls = Gallery.add, []

    def add(self: Gallery, *args: object, **options: object) -> Added:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    monkeypatch.setattr(Gallery, "add", add)
    with pytest.raises(KeyboardInterrupt):
        copy_gallery(origin, address)
    with Gallery.open(address) as gallery:
        assert len(gallery) == 16, "two batches"
    assert copy_gallery(origin, address).added == 14
    assert contents(origin) == contents(address)
    with Gallery.open(origin) as gallery:
        gallery.add([record(40)], vectors(1))
    assert copy_gallery(origin, address).added == 1, "what is new"


def test_another_gallery_is_not_overwritten(tmp_path: Path, address: str) -> None:
    origin = filled(tmp_path / "g")
    with Gallery.open(address, model=FINGERPRINT) as other:
        other.add([record(50)], vectors(1))
    with pytest.raises(GalleryError, match="another gallery already"):
        copy_gallery(origin, address)
    with pytest.raises(GalleryError, match="copied to itself"):
        copy_gallery(origin, origin)
    with Gallery.open(tmp_path / "third", model=ModelFingerprint.bare(16, "other")):
        pass
    with pytest.raises(GalleryError, match="not the model"):
        copy_gallery(origin, tmp_path / "third")


def test_a_copy_that_differs_is_said_to(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = filled(tmp_path / "g")
    copy_gallery(origin, address)
    with Gallery.open(origin) as gallery:
        gallery.remove(record(3).key)
    with pytest.raises(GalleryError, match="copy differs"):
        copy_gallery(origin, address)
    with Gallery.open(address) as gallery:
        gallery.remove(record(3).key)
    real: Callable[..., object] = Gallery.take

    def take(self: Gallery, keys: list[str]) -> tuple[object, np.ndarray]:
        records, found = real(self, keys)
        return records, found * (1 if isinstance(self.where, Path) else np.float32(0.999))

    monkeypatch.setattr(Gallery, "take", take)
    with pytest.raises(GalleryError, match="copy differs") as error:
        copy_gallery(origin, address)
    assert "records and vectors" in str(error.value)
