"""Pictures through the whole server: behind its guard, with its persons, its searches and its document."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from stca.gallery import Gallery
from stca.web.app import create_app
from stca.web.media.footage import sighting
from stca.web.settings import ServerSettings


@pytest.fixture(scope="module")
def server(walkers: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    gallery = tmp_path_factory.mktemp("served") / "gallery"
    shutil.copytree(walkers / "out" / "gallery", gallery)
    app = create_app(ServerSettings(gallery=gallery, videos=(walkers / "videos",), model="colour_histogram"))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def test_every_address_that_the_interface_gives(server: Any) -> None:
    tracklets = server.get("/api/v1/tracklets").json()["items"]
    persons = server.get("/api/v1/persons").json()["items"]
    assert (len(tracklets), len(persons)) == (4, 3)
    for each in tracklets:
        assert server.get(each["thumbnail"]).headers["content-type"] == "image/jpeg"
        assert server.get(each["play"]).headers["content-type"] == "image/webp"
    for each in persons:
        assert server.get(each["thumbnail"]).status_code == 200
        for place in ("sheet/{}.png", "sheet/{}.pdf", "sightings/{}.csv"):
            assert server.get("/media/" + place.format(each["number"])).status_code == 200


def test_headers_and_hosts(server: Any) -> None:
    response = server.get("/media/frame/door/1")
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert server.get("/media/frame/door/1", headers={"Host": "elsewhere.example"}).status_code == 421


def test_a_box_in_a_frame_finds_who_is_in_it(server: Any, gallery: Gallery) -> None:
    record = next(record for record in gallery.records() if record.camera == "door")
    seen = sighting(record)
    assert seen is not None
    number, box = seen.boxes[len(seen.boxes) // 2]
    asked = {"frame": {"camera": seen.folder, "frame": number, "box": box}}
    found = server.post("/api/v1/search", json=asked).json()
    assert found["hits"][0]["tracklet"]["key"] == record.key
    asked["frame"]["frame"] = 41
    assert server.post("/api/v1/search", json=asked).status_code == 404


def test_the_document_names_what_is_sent(server: Any) -> None:
    paths = server.get("/api/v1/openapi.json").json()["paths"]
    content = {path: paths[path]["get"]["responses"]["200"]["content"] for path in paths if "/media/" in path}
    assert content["/media/thumbnail/{key}"] == {"image/jpeg": {}}
    assert content["/media/play/{key}"] == {"image/webp": {}}
    assert len(content) == 9
    assert "/api/v1/why/{key}" in paths
