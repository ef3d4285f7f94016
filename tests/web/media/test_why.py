"""Why an answer is one: what is shown adds up to the score."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stca.errors import ConfigError
from stca.gallery import Gallery, add_tracklets, find_crops
from stca.models import ReIDModel, create_model
from stca.tracks import find_tracklets
from stca.web.media.looking import draw, look


@pytest.fixture(scope="module")
def model() -> ReIDModel:
    torch.manual_seed(0)
    return create_model("stca_small", num_ids=2, image_size=(64, 32)).eval()


@pytest.fixture(scope="module")
def made(walkers: Path, model: ReIDModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A gallery of the same tracks, by a small STCA."""
    with Gallery.open(tmp_path_factory.mktemp("made") / "g", model=model) as gallery:
        tracklets = find_tracklets(walkers / "out" / "tracks")
        add_tracklets(gallery, model, tracklets, device="cpu", workers=0)
        yield gallery


def test_all_crops_give_the_score(made: Gallery, model: ReIDModel) -> None:
    (one, first), (other, second) = (made.get(record.key) for record in list(made.records())[:2])
    for record, vector in ((one, second), (other, first)):
        found = look(made, model, find_crops(record), vector, most=10_000)
        assert found.cosine == pytest.approx(float(first @ second), abs=1e-4)
        assert found.values.sum() + found.constant == pytest.approx(found.cosine, abs=1e-5)
        assert found.numbers.tolist() == list(range(1, record.frames + 1))
        assert found.detail == "attention"
        assert found.maps.shape[0] == record.frames
        assert np.all(found.maps >= 1)


def test_of_many_crops_some_are_looked_at(made: Gallery, model: ReIDModel) -> None:
    record, vector = made.get(next(made.records()).key)
    found = look(made, model, find_crops(record), vector, most=8)
    assert len(found.numbers) == 8
    assert found.of == record.frames
    assert found.values.sum() + found.constant == pytest.approx(found.cosine, abs=1e-5)
    image = draw([found, found])
    assert image.shape[2] == 3
    assert image.shape[0] < 600


def test_a_pair_as_json_and_as_a_picture(
    made: Gallery, model: ReIDModel, make_client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = [record.key for record in made.records()][:2]
    opened: list[int] = []
    client = make_client(made, model=lambda: opened.append(1) or model)
    said = client.get(f"/api/v1/why/{one}", params={"answer": other}).json()
    assert said["score"] == pytest.approx(float(made.get(one)[1] @ made.get(other)[1]))
    assert [each["key"] for each in said["looks"]] == [one, other]
    for each in said["looks"]:
        total = each["constant"] + sum(crop["value"] for crop in each["crops"])
        assert total == pytest.approx(each["cosine"], abs=1e-5)
        assert "attention" in each["note"]
    assert said["accepted"] is None
    assert "stca calibrate" in said["words"]
    response = client.get(said["picture"])
    assert response.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(response.content)).format == "WEBP"
    assert len(opened) == 1  # the picture came with the numbers


def test_one_tracklet_alone(made: Gallery, model: ReIDModel, make_client: Callable[..., Any]) -> None:
    key = next(made.records()).key
    said = make_client(made, model=lambda: model).get(f"/api/v1/why/{key}").json()
    assert (said["score"], said["answer"], said["certainty"]) == (None, None, None)
    assert said["looks"][0]["cosine"] > 0.9  # with its own vector


def test_a_calibrated_gallery_of_histograms(client: Any, gallery: Gallery) -> None:
    one, other = [record.key for record in gallery.records()][:2]
    said = client.get(f"/api/v1/why/{one}", params={"answer": other}).json()
    assert {each["detail"] for each in said["looks"]} == {"clips"}
    assert "does not say where it looked" in said["looks"][0]["note"]
    assert said["threshold"] == pytest.approx(gallery.calibration().threshold)
    assert said["accepted"] is (said["score"] >= said["threshold"])
    assert client.get(said["picture"]).status_code == 200
    assert client.get(f"/api/v1/why/{one}", params={"answer": "nobody/1"}).status_code == 404


def test_a_model_that_cannot_be_opened(made: Gallery, make_client: Callable[..., Any]) -> None:
    def fail() -> None:
        raise ConfigError("There is no such model")

    key = list(made.records())[2].key
    client = make_client(made, model=fail)
    said = client.get(f"/api/v1/why/{key}").json()
    assert (said["looks"], said["picture"], said["problem"]) == ([], None, "There is no such model")
    assert client.get(f"/media/why/{key}").status_code == 404
