"""From which cosine on it is the same person: what is taken first, and what the package knows of a network."""

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from made_gallery import FINGERPRINT
from stca.errors import GalleryError
from stca.gallery import Calibration, Gallery
from stca.gallery.cross_camera import calibrate_across
from stca.watch.settings import CameraSettings, WatchSettings
from stca.watch.thresholds import LEAST_ROWS, GalleryThresholds, Threshold

NETWORK = "person-reidentification-retail-0277"


@pytest.fixture
def settings(tmp_path: Path) -> WatchSettings:
    return WatchSettings(tmp_path, (CameraSettings("door", "usb:0"),))


def public(far: float, rows: int = LEAST_ROWS) -> Calibration:
    found = calibrate_across(FINGERPRINT, far=far, rows=rows, source=NETWORK)
    assert found is not None
    return found


def thresholds(gallery: Gallery, settings: WatchSettings) -> tuple[Threshold, Threshold]:
    chosen = GalleryThresholds(gallery, settings)
    return chosen.decide, chosen.alert


def test_a_network_of_the_catalogue_is_known_by_its_name(tmp_path: Path, settings: WatchSettings) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        decide, alert = thresholds(gallery, settings)
        expected = public(0.01)
        assert decide == alert == Threshold(expected.threshold, 0.01, "cross-camera sets")
        assert 0.4 < decide.value < 0.9
        assert str(decide) == f"{decide.value:.3f} (from public sets)"
        rarer, _ = thresholds(gallery, dataclasses.replace(settings, far=0.001))
        assert rarer == Threshold(public(0.001).threshold, 0.001, "cross-camera sets")
        assert rarer.value > decide.value
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        assert thresholds(gallery, settings) == (decide, alert), "the gallery keeps the name"


def test_a_stored_threshold_of_public_sets_is_computed_anew(tmp_path: Path, settings: WatchSettings) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        gallery.set_calibration(public(0.3, rows=2))
        decide, alert = thresholds(gallery, settings)
        assert decide == alert == Threshold(public(0.01).threshold, 0.01, "cross-camera sets")


def test_a_given_threshold_decides_and_a_measured_one_alerts(tmp_path: Path, settings: WatchSettings) -> None:
    given = dataclasses.replace(settings, threshold=0.7)
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        decide, alert = thresholds(gallery, given)
        assert decide == Threshold(0.7, None, "given")
        assert str(decide) == "0.700 (given)"
        assert alert == Threshold(public(0.01).threshold, 0.01, "cross-camera sets")
    with Gallery.open(tmp_path / "other", model=FINGERPRINT, source="somebody's.onnx") as gallery:
        assert thresholds(gallery, given) == (decide, decide), "nothing is measured"
        with pytest.raises(GalleryError, match="from which score on"):
            thresholds(gallery, settings)


def test_the_gallerys_own_calibration_comes_before_public_sets(
    tmp_path: Path, settings: WatchSettings
) -> None:
    own = dataclasses.replace(public(0.02), threshold=0.55, method="labels")
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        gallery.set_calibration(own)
        assert thresholds(gallery, settings) == (Threshold(0.55, 0.02, "labels"),) * 2


def test_what_is_calibrated_meanwhile_and_what_growth_needs_is_followed(
    tmp_path: Path, settings: WatchSettings
) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        scores = GalleryThresholds(gallery, settings)
        assert scores.follow(0) == []
        own = dataclasses.replace(public(0.02), threshold=0.55, method="labels")
        with Gallery.open(tmp_path / "g") as others:
            others.set_calibration(own)
        assert scores.follow(0) == ["threshold 0.550 (from labels) from now on"]
        assert (scores.decide, scores.alert) == (Threshold(0.55, 0.02, "labels"),) * 2
        assert scores.follow(0) == []
        gallery.set_calibration(public(0.01))
        assert len(scores.follow(0)) == 1
        for rows, said in ((LEAST_ROWS, 0), (3 * LEAST_ROWS, 1), (3 * LEAST_ROWS - 1, 0), (LEAST_ROWS, 1)):
            assert len(scores.follow(rows)) == said, rows
            if said:
                assert scores.decide.value == public(0.01, rows=rows).threshold


def test_a_threshold_that_is_given_stays(tmp_path: Path, settings: WatchSettings) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT) as gallery:
        scores = GalleryThresholds(gallery, dataclasses.replace(settings, threshold=0.7))
        own = dataclasses.replace(public(0.02), threshold=0.55, method="labels")
        gallery.set_calibration(own)
        assert scores.follow(0) == ["threshold of alerts 0.550 (from labels) from now on"]
        assert (scores.decide.value, scores.alert.value) == (0.7, 0.55)


def test_a_calibration_that_is_damaged_meanwhile_is_said_once(
    tmp_path: Path, settings: WatchSettings
) -> None:
    with Gallery.open(tmp_path / "g", model=FINGERPRINT, source=NETWORK) as gallery:
        scores = GalleryThresholds(gallery, settings)
        before = scores.decide, scores.alert
        gallery.set_calibration(dataclasses.replace(public(0.02), threshold=0.55, method="labels"))
        with closing(sqlite3.connect(tmp_path / "g" / "gallery.sqlite")) as db, db:
            assert db.execute("UPDATE meta SET value = '{' WHERE name = 'calibration'").rowcount == 1
        (words,) = scores.follow(0)
        assert "stays" in words
        assert scores.follow(0) == []
        assert (scores.decide, scores.alert) == before
