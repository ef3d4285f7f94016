"""Thresholds from public sets: against their definition, and against what ships."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stca.errors import RankingError
from stca.gallery import Calibration, Gallery, ModelFingerprint, Record, cross_camera
from stca.gallery.cross_camera import LEVELS, SHARES, calibrate_across, keep_public_threshold
from stca.models import load_pretrained

OURS = ModelFingerprint("net", "abc", (128, 64), 8, "after", 16)


def normal_scores(*, mean: float) -> dict[str, Any]:
    """Scores of different people around 0, of one person around `mean`."""
    rng = np.random.default_rng(0)
    others, mates = rng.normal(0, 0.1, 2_000_000), rng.normal(mean, 0.1, 100_000)
    return {
        "pairs": [len(mates), len(others)],
        "different": [float(np.quantile(others, 1 - level)) for level in LEVELS],
        "same": [float(np.quantile(mates, share)) for share in SHARES],
    }


@pytest.fixture
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {"one": normal_scores(mean=0.5)}
    networks = [{"name": "net", "weights": "abc", "sets": sets}]
    monkeypatch.setattr(cross_camera, "_networks", lambda: networks)


@pytest.mark.usefixtures("_known")
@pytest.mark.parametrize(("far", "rows"), [(0.1, 1), (0.01, 10), (0.1, 200), (0.3, 5)])
def test_so_many_searches_for_nobody_reach_the_threshold(far: float, rows: int) -> None:
    calibration = calibrate_across(OURS, far=far, rows=rows)
    assert calibration is not None
    searches = np.random.default_rng(1).normal(0, 0.1, (40_000, rows)).max(axis=1)
    assert (searches >= calibration.threshold).mean() == pytest.approx(far, rel=0.15)
    assert 0.95 <= calibration.dir_at_threshold <= 1
    assert Calibration.from_json(calibration.to_json()) == calibration
    assert f"among {rows} tracklets" in calibration.table()


@pytest.mark.usefixtures("_known")
def test_larger_galleries_and_lower_rates_need_higher_thresholds() -> None:
    thresholds = [
        calibrate_across(OURS, far=far, rows=rows).threshold  # type: ignore[union-attr]
        for far, rows in ((0.1, 10), (0.01, 10), (0.01, 1000), (0.01, 1_000_000), (1e-9, 10**9))
    ]
    assert thresholds == sorted(thresholds)
    assert thresholds[-1] <= 1


@pytest.mark.usefixtures("_known")
def test_a_gallery_gets_it_for_its_size_and_keeps_a_threshold_of_its_own(tmp_path: Path) -> None:
    def records(first: int, count: int) -> list[Record]:
        return [Record(f"cam/{n}", "cam", float(n), float(n), 8) for n in range(first, first + count)]

    vectors = np.random.default_rng(0).normal(size=(30, 16)).astype(np.float32)
    with Gallery.open(tmp_path / "g", model=OURS) as gallery:
        gallery.add(records(0, 10), vectors[:10])
        keep_public_threshold(gallery)
        small = gallery.calibration()
        assert small == calibrate_across(OURS, far=0.01, rows=10)
        gallery.add(records(10, 20), vectors[10:])
        keep_public_threshold(gallery)
        larger = gallery.calibration()
        assert larger == calibrate_across(OURS, far=0.01, rows=30)
        gallery.set_calibration(dataclasses.replace(larger, far=0.3))
        keep_public_threshold(gallery)
        assert gallery.calibration() == calibrate_across(OURS, far=0.3, rows=30), "the rate is the user's"
        own = dataclasses.replace(larger, method="time split", threshold=0.9)
        gallery.set_calibration(own)
        keep_public_threshold(gallery)
        assert gallery.calibration() == own


def test_other_weights_have_no_scores() -> None:
    assert calibrate_across(dataclasses.replace(OURS, weights="other"), far=0.01, rows=10) is None


def test_a_rate_is_between_0_and_1() -> None:
    with pytest.raises(RankingError, match="between 0 and 1"):
        calibrate_across(OURS, far=1.0, rows=10)


def test_the_network_in_the_package_has_its_scores() -> None:
    """Weights that were trained on need `python -m experiments.out_of_the_box.thresholds` again."""
    fingerprint = ModelFingerprint.of(load_pretrained())
    calibration = calibrate_across(fingerprint, far=0.01, rows=100)
    assert calibration is not None
    assert 0.3 < calibration.threshold < 0.95
    assert calibration.searches > 500


@pytest.mark.parametrize(
    ("name", "detected"), [("person-reidentification-retail-0277", 0.2), ("osnet_x0_25_msmt17", 0.02)]
)
def test_networks_of_the_catalogue_are_known_by_their_name_there(name: str, detected: float) -> None:
    assert calibrate_across(OURS, far=0.01, rows=100) is None
    for source in (f"/somewhere/{name}.xml", f"{name}-other", ""):
        assert calibrate_across(OURS, far=0.01, rows=100, source=source) is None
    calibration = calibrate_across(OURS, far=0.01, rows=100, source=name)
    assert calibration is not None
    assert 0.2 < calibration.threshold < 0.98
    assert calibration.dir_at_threshold > detected
    if name.startswith("person"):
        assert calibrate_across(OURS, far=0.01, rows=100, source=f"{name}-fp32") == calibration
