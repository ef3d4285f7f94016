"""Evaluate models as strangers are added to the gallery, and write the curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stca.analysis import save_figure
from stca.analysis.distractor_figure import Curves, distractor_csv, distractor_figure
from stca.datasets import load_dataset
from stca.distance import Metric
from stca.embedding import embed_tracklets
from stca.errors import ConfigError
from stca.evaluation import applicable_protocols, embed_test_set, score_with_distractors
from stca.models import ReIDModel
from stca.ranking import LearnedMetric
from stca.runs.open_model import open_model
from stca.tools.files import write_text
from stca.tracklets import Embeddings, Splits, Tracklet


def evaluate_with_distractors(
    models: Sequence[str],
    splits: Splits,
    sizes: Sequence[int],
    *,
    strangers: str = "drawn",
    metric: Metric | LearnedMetric = "cosine",
    protocols: Sequence[str] | None = None,
    **options: Any,
) -> Curves:
    """Curves of each model under each protocol, from the plain gallery (0 distractors) on.

    Args:
        models: names, as `open_model` takes them.
        splits: the test data.
        sizes: numbers of distractors.
        strangers: "drawn", a file of `stca embed` (by the same model, which the file does not name), or
            NAME=ROOT of another data set, whose tracklets are all taken for strangers.
        metric: of the ranking.
        protocols: instead of the data set's own.
        options: of `embed_tracklets`.

    Raises:
        ConfigError: strangers that are none of these.
        RankingError: too few of them, or rows of the test set among them.

    """
    chosen = protocols or applicable_protocols(splits)
    others = _tracklets(strangers) if "=" in strangers else None
    curves = []
    reference: ReIDModel | None = None
    for name in dict.fromkeys(models):
        model = open_model(name, like=reference)
        reference = reference or model
        test = embed_test_set(model, splits, **options)
        found, words = None, ""
        if others is not None:
            found, words = embed_tracklets(model, others, **options), f"tracklets of {strangers}"
        elif strangers != "drawn":
            found, words = (
                _rows(strangers),
                f"rows of {Path(strangers).name} (which model made them is not checked)",
            )
        curves += [
            (name, curve)
            for curve in score_with_distractors(
                test, found, [0, *sizes], chosen, metric=metric, description=words
            )
        ]
    return curves


def write_curves(curves: Curves, path: Path) -> tuple[Path, Path]:
    """Write the picture and, beside it, the figures as CSV; returns both paths."""
    table = path.with_suffix(".csv")
    save_figure(distractor_figure(curves), path)
    write_text(table, distractor_csv(curves))
    return path, table


def _tracklets(strangers: str) -> list[Tracklet]:
    """All tracklets of a data set but junk, each once."""
    name, _, root = strangers.partition("=")
    splits = load_dataset(name, Path(root))
    every = dict.fromkeys((*splits.train, *splits.query, *splits.gallery))
    return [tracklet for tracklet in every if tracklet.person_id >= 0]


def _rows(strangers: str) -> Embeddings:
    if Path(strangers).suffix != ".npz":
        raise ConfigError(
            "Strangers are drawn, rows of a file, or another data set",
            expected="drawn, a file of `stca embed` (.npz), or NAME=ROOT",
            found=strangers,
        )
    return Embeddings.load(Path(strangers))
