"""Benchmark ranking and re-ranking, compared with torchreid's compiled ranking and torchmetrics.

    pip install --no-deps --target /tmp/torchreid -r benchmarks/requirements-ranking.txt
    python benchmarks/ranking.py --torchreid /tmp/torchreid
    python benchmarks/ranking.py --parts large          # 10,000 x 1,000,000 x 2,048, several minutes

Each part writes its own page. All functions take turns, so that load on the machine affects all of them;
ratios are computed within rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import scipy
from ranking_blocks import of_blocks
from scipy.io import loadmat
from timing import ratios, spread, table, take_turns, write_page

from stca.distance import Metric
from stca.ranking import (
    Labels,
    k_reciprocal,
    k_reciprocal_from_distances,
    rank,
    rank_distances,
)
from stca.tracklets import Embeddings

SHARED = Path(os.environ.get("STCA_SHARED") or Path(__file__).parents[2] / "shared")
Contenders = dict[str, Callable[[], object]]
PAGES = {
    "matrix": "ranking",
    "features": "ranking-features",
    "reranking": "reranking",
    "reranking-mars": "reranking-mars",
    "growth": "ranking-growth",
    "large": "ranking-large",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PAGES, default=list(PAGES)[:-1])
    parser.add_argument(
        "--torchreid", type=Path, help="folder in which pip installed pyppbox-torchreid (--target)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run = {
        "matrix": matrix,
        "features": features,
        "reranking": reranking,
        "reranking-mars": reranking_mars,
        "growth": growth,
        "large": large,
    }
    versions = {"numpy": np.__version__, "scipy": scipy.__version__}
    for part in options.parts:
        print(write_page(PAGES[part], "Ranking and re-ranking", [run[part](options)], **versions), flush=True)


# ---- MARS's size ----


def mars_sized(dim: int) -> tuple[Embeddings, Embeddings]:
    """Random features with the persons and cameras of MARS, or random ones if its tables are missing."""
    rng = np.random.default_rng(0)
    tables = SHARED / "protocols/mars"
    if tables.is_dir():
        table = loadmat(tables / "tracks_test_info.mat")["track_test_info"].astype(np.int64)
        query_rows = loadmat(tables / "query_IDX.mat")["query_IDX"].ravel().astype(np.int64) - 1
        persons, cameras = table[:, 2], table[:, 3]
    else:
        persons, cameras = rng.integers(0, 627, 12180), rng.integers(1, 7, 12180)
        query_rows = rng.choice(np.flatnonzero(persons > 0), 1980, replace=False)
    vectors = rng.normal(size=(len(persons), dim))
    vectors += (
        rng.normal(size=(persons.max() + 1, dim))[persons]
        * (0.75 * (96 / dim) ** 0.25)
        * (persons > 0)[:, None]
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    everyone = Embeddings(vectors, persons, cameras, tuple(map(str, range(len(persons)))))
    rest = np.setdiff1d(np.flatnonzero(persons >= 0), query_rows)
    return everyone.subset(query_rows), everyone.subset(np.concatenate([rest, query_rows]))


def matrix(options: argparse.Namespace) -> str:
    query, gallery = mars_sized(96)
    distances = 1 - query.vectors @ gallery.vectors.T
    labels = Labels.of(query), Labels.of(gallery)
    ids = (query.person_ids, gallery.person_ids, query.camera_ids, gallery.camera_ids)
    contenders: Contenders = {"stca": lambda: rank_distances(distances, *labels)}
    if options.torchreid:
        compiled = load(options.torchreid, "metrics/rank_cylib/rank_cy*.so", "rank_cy")
        contenders["torchreid, compiled"] = lambda: compiled.evaluate_cy(distances, *ids, 50)
    contenders["torchmetrics (mAP only)"] = lambda: torchmetrics_map(distances, *ids)
    rows, results = race(contenders, options.rounds)
    scores = {"stca": results["stca"].mean_ap, "torchmetrics (mAP only)": results["torchmetrics (mAP only)"]}
    if options.torchreid:
        scores["torchreid, compiled"] = results["torchreid, compiled"][1]
    return (
        f"## CMC, mAP, mINP from one distance matrix, {len(query)} x {len(gallery)} (MARS, protocol B)\n\n"
        f"{rows}\nmAP: " + "; ".join(f"{name} {100 * float(score):.4f}" for name, score in scores.items())
    )


def features(options: argparse.Namespace) -> str:
    query, gallery = mars_sized(2048)
    ids = (query.person_ids, gallery.person_ids, query.camera_ids, gallery.camera_ids)
    contenders: Contenders = {"stca, cosine": lambda: rank(query, gallery)}
    metric: Metric = "euclidean"
    contenders["stca, euclidean"] = lambda: rank(query, gallery, metric=metric)
    if options.torchreid:
        compiled = load(options.torchreid, "metrics/rank_cylib/rank_cy*.so", "rank_cy")

        def plain() -> object:
            return compiled.evaluate_cy(1 - query.vectors @ gallery.vectors.T, *ids, 50)

        contenders["numpy product + torchreid, compiled"] = plain
    return f"## From features, {len(query)} x {len(gallery)} x 2048\n\n{race(contenders, options.rounds)[0]}"


def torchmetrics_map(
    distances: np.ndarray, q_ids: np.ndarray, g_ids: np.ndarray, q_cams: np.ndarray, g_cams: np.ndarray
) -> float:
    import torch
    from torchmetrics.functional.retrieval import retrieval_average_precision

    scores = []
    for line, person, camera in zip(2 - distances, q_ids, q_cams, strict=True):
        kept = (g_ids != person) | (g_cams != camera)
        right = torch.from_numpy(g_ids[kept] == person)
        if right.any():
            scores.append(float(retrieval_average_precision(torch.from_numpy(line[kept]), right)))
    return float(np.mean(scores))


# ---- re-ranking ----


def reranking(options: argparse.Namespace) -> str:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(400, 128))

    def some(n: int) -> np.ndarray:
        vectors = centres[rng.integers(0, 400, n)] + 1.2 * rng.normal(size=(n, 128))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    query, gallery = some(1000), some(5000)
    three = [distance_matrix(a, b) for a, b in ((query, gallery), (query, query), (gallery, gallery))]
    contenders: Contenders = {"stca, from distances": lambda: k_reciprocal_from_distances(*three)}
    contenders["stca, from features"] = lambda: k_reciprocal(query, gallery)
    if options.torchreid:
        theirs = load(options.torchreid, "utils/rerank.py", "rerank")
        contenders["torchreid, from distances"] = lambda: theirs.re_ranking(*three)
    rows, results = race(contenders, max(3, options.rounds // 2))
    text = f"## k-reciprocal re-ranking, 1000 x 5000 (128 dimensions)\n\n{rows}"
    if options.torchreid:
        gap = np.abs(results["torchreid, from distances"] - results["stca, from distances"]).max()
        text += f"\nlargest difference of a distance between the two: {gap:.1e}"
    return text


def reranking_mars(options: argparse.Namespace) -> str:
    query, gallery = mars_sized(2048)
    # Without the queries: a query and its copy have equal distances to everything, and an unstable sort
    # leaves open which of the two is the 20th neighbour.
    gallery = gallery.subset(np.arange(len(gallery) - len(query)))
    start = time.perf_counter()
    metrics = rank(query, gallery, reranking="k-reciprocal")
    ours = time.perf_counter() - start
    text = f"## k-reciprocal re-ranking, {len(query)} x {len(gallery)} x 2048 (MARS, protocol A)\n\n"
    text += f"stca, from features to scores: {ours:.1f} s, mAP {100 * metrics.mean_ap:.2f}\n"
    if not options.torchreid:
        return text
    theirs = load(options.torchreid, "utils/rerank.py", "rerank")
    q, g = query.vectors, gallery.vectors
    three = [distance_matrix(a, b) for a, b in ((q, g), (q, q), (g, g))]
    rows_, results = race(
        {
            "stca, from distances": lambda: k_reciprocal_from_distances(*three),
            "torchreid, from distances": lambda: theirs.re_ranking(*three),
        },
        rounds=1,
    )
    gap = np.abs(results["torchreid, from distances"] - results["stca, from distances"])
    rows = int((gap.max(axis=1) > 1e-5).sum())
    return (
        f"{text}\n{rows_}\nlargest difference of a distance between the two: {gap.max():.1e}; "
        f"above 1e-5 in {rows} queries"
    )


def distance_matrix(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    distances = np.sqrt(np.maximum(2 - 2 * (a @ b.T), 0))
    if a is b:
        np.fill_diagonal(distances, 0)
    return distances


# ---- galleries too large to hold ----


def growth(options: argparse.Namespace) -> str:
    title = "## How time and memory grow with the gallery: 1,000 queries, 2,048 dimensions, half precision"
    return f"{title}\n\n{of_blocks([(1000, rows, 2048) for rows in (20_000, 40_000, 80_000, 160_000)])}"


def large(options: argparse.Namespace) -> str:
    title = "## 10,000 queries, 1,000,000 rows, 2,048 dimensions, half precision"
    return f"{title}\n\n{of_blocks([(10_000, 1_000_000, 2048)])}"


# ---- racing ----


def race(contenders: Contenders, rounds: int) -> tuple[str, dict[str, Any]]:
    """One warm-up, then rounds in turns; returns a table of seconds and ratios, and the results."""
    results = {name: run() for name, run in contenders.items()}
    seconds = take_turns(contenders, rounds=rounds, label="race", warm_up=0)
    ours = next(iter(contenders))
    rows = [
        (
            name,
            f"{statistics.median(taken):.3f} s",
            f"{min(taken):.3f} to {max(taken):.3f} s",
            spread(ratios(seconds, ours, name), 1),
        )
        for name, taken in seconds.items()
    ]
    head = ("", "median", f"fastest to slowest of {rounds}", f"times {ours} (smallest to largest in a round)")
    return table(head, rows), results


def load(folder: Path, pattern: str, name: str) -> ModuleType:
    """Load a single module of torchreid, whose __init__ needs torchvision and more."""
    path = next((folder / "pyppbox_torchreid").glob(pattern))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
