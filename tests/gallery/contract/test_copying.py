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
from stca.gallery.keeping import copy_gallery, forget, is_forgetting_unfinished
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


@pytest.fixture(
    params=["folder", *(pytest.param(name, marks=pytest.mark.slow) for name in ("lite", "server"))]
)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Of copies that are copied to several times; Milvus Lite takes some ten seconds for that."""
    if request.param == "folder":
        return tmp_path / "copy"
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


def test_corrections_of_the_copy_are_not_lost(
    tmp_path: Path, target: Path | str, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = filled(tmp_path / "g")
    copy_gallery(origin, target)
    forget_the_undone(origin)
    copy_gallery(origin, target)
    with Gallery.open(target) as gallery:
        anna = name_person(gallery, 3, "Anna").id
    with Gallery.open(origin) as gallery:
        name_person(gallery, 2, "Bo")
        forget(gallery, [record(20).key])
    before = contents(target)
    with pytest.raises(GalleryError, match="was corrected since") as error:
        copy_gallery(origin, target)
    assert "--overwrite" in str(error.value)
    assert contents(target) == before, "left as it was"
    assert main(["gallery", "copy", str(origin), str(target), "--overwrite"]) in (0, None)
    assert "25 in both" in capsys.readouterr().out
    assert contents(target) == contents(origin)
    assert copy_gallery(origin, target).added == 0, "and again"
    with Gallery.open(target) as gallery:
        first = gallery.corrections()[0]
        assert (first.text, first.undone) == ("Ada", None)
        undo(gallery, first.id)
    with pytest.raises(GalleryError, match="was corrected since"):
        copy_gallery(origin, target)
    copy_gallery(origin, target, overwrite=True)
    with Gallery.open(target) as gallery:
        assert anna not in [each.id for each in gallery.corrections() if each.text == "Anna"]
        gallery.set_persons({record(0).key: 9})
    with pytest.raises(GalleryError, match="was corrected since"):
        copy_gallery(origin, target)
    copy_gallery(origin, target, overwrite=True)
    assert contents(target) == contents(origin)
    assert copy_gallery(origin, target).added == 0


def forget_the_undone(place: Path) -> None:
    """Forget a merged person's tracklets: the entry of the merge, which was undone, goes with them."""
    with Gallery.open(place) as gallery:
        keys = [key for key, person in gallery.person_numbers().items() if person == 2]
        forget(gallery, keys[1:])


def test_a_correction_while_copying_is_not_lost(
    tmp_path: Path, target: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = filled(tmp_path / "g")
    copy_gallery(origin, target)
    real = Gallery.take

    def take(self: Gallery, keys: list[str]) -> tuple[object, np.ndarray]:
        if self.where != origin and not any(c.text == "Anna" for c in self.corrections()):
            name_person(self, 3, "Anna")
        return real(self, keys)

    monkeypatch.setattr(Gallery, "take", take)
    with pytest.raises(GalleryError, match="was corrected since"):
        copy_gallery(origin, target)
    with Gallery.open(target) as gallery:
        assert gallery.corrections()[-1].text == "Anna"
        state, entries = gallery.log_state(), gallery.store.export_log()
        hide(gallery, [record(4).key])
        assert not gallery.store.import_log(entries, {"calibration": "x"}, log=state)
        assert gallery.corrections()[-1].kind == "hide"
        assert gallery.calibration() == CALIBRATION


def test_what_the_source_forgets_is_forgotten_in_the_copy(tmp_path: Path, target: Path | str) -> None:
    origin = filled(tmp_path / "g")
    copy_gallery(origin, target)
    with Gallery.open(origin) as gallery:
        found = gallery.get(record(1).key)
        assert found is not None
        forget(gallery, [record(1).key])
    assert copy_gallery(origin, target).tracklets == 29
    with Gallery.open(target) as gallery:
        assert gallery.get(record(1).key) is None
        assert record(1).key not in [hit.key for hit in gallery.search(found[1], 30, hidden=True)]
        assert not is_forgetting_unfinished(gallery)
    assert contents(origin) == contents(target)


def test_numbers_of_persons_are_not_given_again(tmp_path: Path, target: Path | str) -> None:
    origin = filled(tmp_path / "g")
    with Gallery.open(origin) as gallery:
        taken = max(gallery.reserve_number() for _ in range(7))
    copy_gallery(origin, target)
    back = tmp_path / "back"
    copy_gallery(target, back)
    for place in (target, back):
        with Gallery.open(place) as gallery:
            assert gallery.reserve_number() == taken + 1
            assert gallery.reserve_number() == taken + 2
    copy_gallery(origin, target)
    copy_gallery(target, back)
    for place in (target, back):
        with Gallery.open(place) as gallery:
            assert gallery.reserve_number() == taken + 3, "the copy's own, too"


def test_wrong_vectors_of_the_copy_are_replaced(tmp_path: Path, target: Path | str) -> None:
    origin, back = filled(tmp_path / "g"), tmp_path / "back"
    copy_gallery(origin, target)
    copy_gallery(target, back)
    for source, place in ((origin, target), (target, back)):
        with Gallery.open(place) as gallery:
            found = gallery.get(record(7).key)
            assert found is not None
            gallery.remove(record(7).key)
            gallery.add([found[0]], -found[1][None])
        assert copy_gallery(source, place).added == 1
        assert copy_gallery(source, place).added == 0
        with Gallery.open(place) as gallery:
            again = gallery.get(record(7).key)
            assert again is not None
            assert again[0] == found[0]
            np.testing.assert_allclose(again[1], found[1], rtol=0, atol=1e-6)
