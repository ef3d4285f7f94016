"""Evaluate models as strangers are added to the gallery, and write the curve."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stca.analysis import save_figure
from stca.analysis.distractor_figure import Curves, distractor_csv, distractor_figure
from stca.datasets import load_dataset
from stca.distance import Metric
from stca.embedding import embed_tracklets
from stca.errors import ConfigError, GalleryError
from stca.evaluation import applicable_protocols, embed_test_set, score_with_distractors
from stca.gallery import ModelFingerprint
from stca.inference import Neck
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
        strangers: "drawn", a file of `stca embed` by the same model, or NAME=ROOT of another data
            set, whose tracklets are all taken for strangers.
        metric: of the ranking.
        protocols: instead of the data set's own.
        options: of `embed_tracklets`.

    Raises:
        ConfigError: strangers that are none of these; a file of another model's vectors, or for several
            models. A file that does not say whose it is (of before 0.2) is taken, with a warning.
        RankingError: too few of them, or rows of the test set among them.

    """
    chosen = protocols or applicable_protocols(splits)
    is_file = "=" not in strangers and strangers != "drawn"
    if is_file and len(set(models)) > 1:
        raise ConfigError(
            "A file of strangers holds the vectors of one model",
            expected="one model, or strangers that are drawn or NAME=ROOT",
            found=", ".join(models),
            where=strangers,
        )
    others = _tracklets(strangers) if "=" in strangers else None
    curves = []
    reference: ReIDModel | None = None
    for name in dict.fromkeys(models):
        model = open_model(name, like=reference)
        reference = reference or model
        if is_file:
            _require_model(Path(strangers), model, **options)
        test = embed_test_set(model, splits, **options)
        found, words = None, ""
        if others is not None:
            found, words = embed_tracklets(model, others, **options), f"tracklets of {strangers}"
        elif is_file:
            found, words = Embeddings.load(Path(strangers)), f"rows of {Path(strangers).name}"
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


def describe_model(
    model: ReIDModel, *, clip_len: int | None = None, neck: Neck = "after", **_: object
) -> str:
    """The fingerprint of a model that embeds with these options, as `Embeddings.save` takes it."""
    own = ModelFingerprint.of(model, neck=neck)
    return dataclasses.replace(own, clip_len=clip_len or own.clip_len).to_json()


def _require_model(file: Path, model: ReIDModel, **options: Any) -> None:
    """Raise ConfigError if the file says that another model computed its vectors."""
    stored = Embeddings.stored_model(_npz(file))
    if not stored:
        warnings.warn(
            f"{file} does not say which model computed its vectors, so this was not checked: of another "
            "model's strangers the curve is flat, and wrong. `stca embed` of this version writes it",
            stacklevel=3,
        )
        return
    try:
        theirs = ModelFingerprint.from_json(stored)
    except GalleryError as error:
        raise ConfigError("A file of strangers is damaged", found=error.found, where=file) from error
    if differ := ModelFingerprint.from_json(describe_model(model, **options)).differences(theirs):
        raise ConfigError(
            "The strangers' vectors are not of this model",
            expected=differ[0],
            found=differ[1],
            where=file,
            hint="embed them with this model and these options: stca embed",
        )


def _npz(file: Path) -> Path:
    if file.suffix != ".npz":
        raise ConfigError(
            "Strangers are drawn, rows of a file, or another data set",
            expected="drawn, a file of `stca embed` (.npz), or NAME=ROOT",
            found=file,
        )
    return file
