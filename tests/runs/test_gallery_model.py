"""Which model a gallery is opened with, and which is taken where none is named."""

from pathlib import Path

import pytest

from stca import catalogue
from stca.catalogue import NETWORKS
from stca.errors import CheckpointError, ConfigError
from stca.gallery import Gallery
from stca.models import DEFAULT_PRETRAINED, load_pretrained
from stca.runs import gallery_model, open_model
from stca.runs.gallery_model import default_model, describe_default, model_name, open_gallery
from stca.tracking import default_detector, open_detector


@pytest.fixture(autouse=True)
def _nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STCA_WEIGHTS", str(tmp_path / "weights"))


def pretend_fetched(name: str) -> None:
    """Files of a network are there; what is in them is looked at only when it is opened."""
    for file in NETWORKS[name].files:
        path = catalogue.weights_folder() / name / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_without_a_name_the_strongest_that_was_fetched_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stca.catalogue.folder.verify", lambda network: {})  # the pretended files are empty
    assert default_model() == "pretrained"
    assert default_detector() == "auto"
    for name in ("person-reidentification-retail-0288", "person-reidentification-retail-0277", "yolox_nano"):
        pretend_fetched(name)
    assert default_model() == "person-reidentification-retail-0277"
    assert default_detector() == "yolox_nano"
    assert "retail-0277" in describe_default(default_model())
    assert DEFAULT_PRETRAINED in describe_default("pretrained")


@pytest.mark.parametrize("open_it", [open_model, load_pretrained])
def test_a_network_of_the_catalogue_must_be_fetched_and_whole(open_it: object) -> None:
    name = "person-reidentification-retail-0288"
    assert callable(open_it)
    with pytest.raises(CheckpointError, match=f"stca weights get {name}"):
        open_it(name)
    pretend_fetched(name)
    with pytest.raises(CheckpointError, match="not what its publisher describes"):
        open_it(name)


def test_a_detector_of_the_catalogue_must_be_fetched_and_whole() -> None:
    with pytest.raises(CheckpointError, match="stca weights get yolox_nano"):
        open_detector("yolox_nano")
    pretend_fetched("yolox_nano")
    with pytest.raises(CheckpointError, match="not what its publisher describes"):
        open_detector("yolox_nano")
    with pytest.raises(ConfigError):
        open_detector("person-reidentification-retail-0288")


def test_a_new_gallery_names_the_model_that_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, model = open_gallery(tmp_path / "gallery", None)
    with gallery:
        assert model_name(gallery) == f"pretrained:{DEFAULT_PRETRAINED}"
        gallery.require_model(model)
    assert DEFAULT_PRETRAINED in capsys.readouterr().err
    monkeypatch.setattr(gallery_model, "DEFAULT_PRETRAINED", "another")
    gallery, again = open_gallery(tmp_path / "gallery", None)  # its own, whatever the default is today
    with gallery:
        assert again.spec == model.spec
    assert capsys.readouterr().err == ""


def test_a_gallery_of_version_0_1_is_searched_by_the_network_of_that_version(tmp_path: Path) -> None:
    small = load_pretrained("stca_small")
    Gallery.open(tmp_path / "gallery", model=small, source="pretrained").close()
    gallery, model = open_gallery(tmp_path / "gallery", None)
    with gallery:
        assert model.spec.name == "stca_small"
        assert model_name(gallery) == "pretrained:stca_small"
