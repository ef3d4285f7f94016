"""Figures computed independently, on MARS's real tables with made-up features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from stca.ranking import rank
from stca.tracklets import Embeddings

EXPECTED = json.loads((Path(__file__).parents[1] / "data" / "expected_scores.json").read_text())
SETTINGS = {"mid_seed0": (1, 0.75, 0.75), "weak_seed0": (1, 0.9, 0.9)}
NAMES = {
    "A_gallery_excludes_queries": "mars-A",
    "A_no_answer_counts_zero": "mars-A-zero",
    "B_gallery_includes_queries": "mars-B",
    "B_trapezoid_ap": "mars-B-trapezoid",
    "A_without_distractors": "mars-A-no-distractors",
}


def made_up_features(table, weights):
    rng, identity, shift, rows = np.random.default_rng(0), {}, {}, []
    of_identity, of_camera, of_row = weights
    for index, (_, _, person, camera) in enumerate(table):
        key = person if person > 0 else ("d", index)
        if key not in identity:
            identity[key] = rng.normal(size=96)
        if (key, camera) not in shift:
            shift[key, camera] = rng.normal(size=96)
        noise = rng.normal(size=96)
        rows.append(of_identity * identity[key] + of_camera * shift[key, camera] + of_row * noise)
    features = np.array(rows)
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("setting", EXPECTED)
def test_mars_comes_out_as_computed_elsewhere(setting, shared):
    table = loadmat(shared / "protocols/mars/tracks_test_info.mat")["track_test_info"].astype(np.int64)
    asks = loadmat(shared / "protocols/mars/query_IDX.mat")["query_IDX"].ravel().astype(np.int64) - 1
    everybody = Embeddings(
        made_up_features(table.tolist(), SETTINGS[setting]),
        table[:, 2],
        table[:, 3],
        tuple(f"{row}" for row in range(len(table))),
    )
    query = everybody.subset(asks)
    gallery = everybody.subset(np.setdiff1d(np.arange(len(table)), asks))
    for name, expected in EXPECTED[setting].items():
        metrics = rank(query, gallery, protocol=NAMES[name])
        assert metrics.gallery_size == expected["gallery"]
        assert metrics.num_queries == expected["scored_queries"]
        assert 100 * metrics.value("rank-1") == pytest.approx(expected["rank1"], abs=1e-3), name
        assert 100 * metrics.mean_ap == pytest.approx(expected["mean_ap"], abs=1e-3), name
