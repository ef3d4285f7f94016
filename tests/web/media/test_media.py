"""Pictures, sheets and tables as they are sent."""

import csv
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from made_gallery import vectors
from stca.footage.sources import open_source
from stca.gallery import Gallery, ModelFingerprint, Record, find_crops
from stca.linking.persons import Person
from stca.tracks import read_track
from stca.web.media import sheets
from stca.web.media.cache import ByteCache


def picture(response: Any) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


def key_of(gallery: Gallery, camera: str = "door") -> str:
    return next(record.key for record in gallery.records() if record.camera == camera)


def test_thumbnails(client: Any, gallery: Gallery) -> None:
    for record in gallery.records():
        response = client.get(f"/media/thumbnail/{record.key}")
        image = picture(response)
        assert image.format == "JPEG"
        assert image.height <= 256
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["cache-control"] == "private, no-cache"


def test_a_picture_that_the_browser_has_is_not_sent_again(client: Any, gallery: Gallery) -> None:
    for place in ("thumbnail", "play", "crop/1", "frame"):
        address = "/media/frame/door/3" if place == "frame" else f"/media/{place}/{key_of(gallery)}"
        tag = client.get(address).headers["etag"]
        again = client.get(address, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_tracklet_plays_in_its_real_rhythm(client: Any, gallery: Gallery) -> None:
    record = next(gallery.records())
    image = picture(client.get(f"/media/play/{record.key}"))
    assert image.format == "WEBP"
    assert image.is_animated
    assert image.n_frames == 24
    side = read_track(record.folder)
    used = [frame.time for frame in side.frames if frame.use]
    start = (len(used) - 24) // 2
    expected = [
        round(1000 * (b - a)) for a, b in zip(used[start:], used[start + 1 : start + 24], strict=False)
    ]
    shown = []
    sizes = set()
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        shown.append(image.info["duration"])
        sizes.add(image.size)
    assert shown[:-1] == expected
    assert shown[-1] in expected
    assert len(sizes) == 1


def test_one_crop(client: Any, gallery: Gallery) -> None:
    record = next(gallery.records())
    found = find_crops(record)
    with Image.open(found.frames[4]) as kept:
        expected = np.asarray(kept.convert("RGB")).astype(float)
    image = picture(client.get(f"/media/crop/5/{record.key}"))
    assert np.abs(np.asarray(image) - expected).mean() < 5
    assert client.get(f"/media/crop/{len(found.frames) + 1}/{record.key}").status_code == 404
    assert client.get(f"/media/crop/0/{record.key}").status_code == 422


def test_a_whole_frame(client: Any, walkers: Path) -> None:
    expected = list(open_source(walkers / "videos" / "yard.avi").frames())[19].image
    response = client.get("/media/frame/yard/20")
    assert response.headers["x-frame-size"] == "320x240"
    assert np.abs(np.asarray(picture(response)) - expected.astype(float)).mean() < 5
    small = client.get("/media/frame/yard/20", params={"width": 64})
    assert picture(small).size == (64, 48)
    assert small.headers["x-frame-size"] == "320x240"
    problem = client.get("/media/frame/yard/41")
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert "1 to 40" in problem.json()["detail"]


@pytest.mark.parametrize(
    "address",
    [
        "thumbnail/nobody/1",
        "play/nobody/1",
        "crop/1/nobody/1",
        "frame/roof/1",
        f"upload/{'0' * 32}/1",
        "sheet/77.png",
        "sheet/77.pdf",
        "sightings/77.csv",
        "why/nobody/1",
    ],
)
def test_what_there_is_not(address: str, client: Any) -> None:
    response = client.get(f"/media/{address}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_crops_that_are_gone_or_broken(
    tmp_path: Path, walkers: Path, gallery: Gallery, make_client: Callable[..., Any]
) -> None:
    record = next(gallery.records())
    folder = tmp_path / "door" / "0001"
    shutil.copytree(record.folder, folder)
    moved = Record("door/0001", "door", folder=folder, content="x")
    gone = Record("door/0009", "door", folder=tmp_path / "door" / "0009", content="y")
    outside = Record("outside", "door", content="z")
    with Gallery.open(tmp_path / "gallery", model=ModelFingerprint.bare(16)) as made:
        made.add([moved, gone, outside], vectors(3))
        client = make_client(made)
        for crop in sorted(folder.glob("*.jpg"))[1:]:
            crop.write_bytes(crop.read_bytes()[:300])
        assert client.get("/media/thumbnail/door/0001").status_code in (200, 404)
        for crop in folder.glob("*.jpg"):
            crop.write_bytes(b"no image")
        for place in ("play", "crop/3"):
            assert client.get(f"/media/{place}/door/0001").status_code == 404
        for place in ("thumbnail", "play", "crop/1"):
            for key in ("door/0009", "outside"):
                response = client.get(f"/media/{place}/{key}")
                assert response.status_code == 404
                assert str(tmp_path) not in response.text
        why = client.get("/api/v1/why/door/0009").json()
        assert why["looks"] == []
        assert "gone" in why["problem"]
        assert client.get("/media/why/door/0009").status_code == 404


def test_an_upload(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "000001.jpg"
    Image.new("RGB", (90, 60), (9, 99, 200)).save(path)
    held = SimpleNamespace(pictures=(SimpleNamespace(path=path, width=90, height=60),))
    monkeypatch.setattr(client.app.state.server.uploads, "get", lambda _: held)
    response = client.get(f"/media/upload/{'a' * 32}/1")
    assert response.headers["x-frame-size"] == "90x60"
    assert response.headers["content-type"] == "image/jpeg"
    assert response.content == path.read_bytes()
    assert client.get(f"/media/upload/{'a' * 32}/2").status_code == 404
    path.unlink()
    assert client.get(f"/media/upload/{'a' * 32}/1").status_code == 404


def test_a_persons_sheet_and_sightings(client: Any, gallery: Gallery) -> None:
    number = next(record.person for record in gallery.records())
    response = client.get(f"/media/sheet/{number}.png")
    sheet = picture(response)
    assert sheet.format == "PNG"
    assert response.headers["content-disposition"] == f'attachment; filename="person-{number}.png"'
    assert len(sheet.getcolors(1 << 20)) > 500  # there are crops on it
    pdf = client.get(f"/media/sheet/{number}.pdf")
    assert pdf.content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.content)) == 1
    rows = list(csv.reader(io.StringIO(client.get(f"/media/sightings/{number}.csv").text)))
    assert rows[0] == ["key", "camera", "first", "last", "clock"]
    expected = [record for record in gallery.records() if record.person == number]
    assert [row[0] for row in rows[1:]] == [record.key for record in expected]
    assert [float(row[2]) for row in rows[1:]] == [pytest.approx(record.first) for record in expected]
    assert all(row[4] for row in rows[1:])


def test_many_sightings_are_several_pages(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    record = next(gallery.records())
    many = Person(1, "Zoë Łoś", tuple([record] * 10))
    monkeypatch.setattr(sheets, "_ROWS_OF_A_PAGE", 1)
    assert len(re.findall(rb"/Type\s*/Page\b", sheets.sheet_pdf(many))) == 2
    image = Image.open(io.BytesIO(sheets.sheet_png(many)))
    one = Image.open(io.BytesIO(sheets.sheet_png(Person(1, None, (record,)))))
    head = sheets._HEAD
    assert image.height - head == 2 * (one.height - head)


def test_times_of_sightings() -> None:
    records = [
        Record("=cam/1", "=cam", 1767225600.5, 1767225661.0),
        Record("cam/2", "cam", 3.25, 4.0, clock="cam/a.mp4"),
        Record("cam/3", "cam"),
    ]
    rows = list(csv.reader(io.StringIO(sheets.sightings_csv(records))))[1:]
    assert rows == [
        ["'=cam/1", "'=cam", "2026-01-01T00:00:00.500Z", "2026-01-01T00:01:01.000Z", ""],
        ["cam/2", "cam", "3.250", "4.000", "cam/a.mp4"],
        ["cam/3", "cam", "", "", ""],
    ]


def test_the_cache_keeps_what_was_used_last() -> None:
    cache = ByteCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1234", None, b"1234")
    assert cache.put("big", bytes(11)) == bytes(11)
    assert cache.get("big") is None
    assert cache.make("d", lambda: b"made") == b"made"
    assert cache.make("d", lambda: b"again") == b"made"
