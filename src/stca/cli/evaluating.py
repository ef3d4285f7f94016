"""`stca evaluate | embed | learn-metric`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stca.cli.parsing import (
    MODEL_HELP,
    Verbs,
    add_test_data,
    add_verb,
    natural,
    picture,
    positive,
    ranking_metric,
    require_with,
)
from stca.cli.scaling import add_engine, check_engine, embed_on_cluster

if TYPE_CHECKING:
    from stca.distance import Metric
    from stca.models import ReIDModel
    from stca.ranking import Figure, LearnedMetric, RankMetrics
    from stca.tracklets import Splits


def add_verbs(verbs: Verbs) -> None:
    """Add the commands."""
    evaluate = add_verb(verbs, "evaluate", _evaluate, help="evaluate models by the data set's protocols")
    evaluate.add_argument("model", nargs="+", help=MODEL_HELP)
    add_test_data(evaluate)
    evaluate.add_argument(
        "--protocol", action="append", help="use this protocol instead of the data set's; may be repeated"
    )
    evaluate.add_argument(
        "--metric",
        type=ranking_metric,
        metavar="{cosine,euclidean,FILE}",
        default="cosine",
        help="distance of the ranking; FILE: of stca learn-metric",
    )
    evaluate.add_argument(
        "--rerank", action="store_true", help="k-reciprocal re-ranking (k1=20, k2=6, lambda=0.3)"
    )
    evaluate.add_argument(
        "--against",
        metavar="MODEL",
        help="test whether the (first) model differs significantly from this one",
    )
    evaluate.add_argument(
        "--mean-over-splits",
        action="store_true",
        help="evaluate each run on its own split; print mean and standard deviation (iLIDS-VID, PRID2011)",
    )
    evaluate.add_argument(
        "--neck", choices=("after", "before"), default="after", help="embedding after or before the BN neck"
    )
    _add_distractors(evaluate)
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")

    embed = add_verb(verbs, "embed", _embed, help="write one vector per tracklet")
    embed.add_argument("model", help=MODEL_HELP)
    add_test_data(embed)
    embed.add_argument(
        "--part", choices=("train", "query", "gallery"), default="gallery", help="part of the data set"
    )
    embed.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.npz",
        help="output file; with --engine ray a folder of Parquet files, one per camera folder of --data",
    )
    add_engine(embed, what="embed folders of tracks (--data)")

    _add_learn_metric(verbs)


def _add_distractors(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "--distractors",
        type=natural,
        nargs="+",
        metavar="N",
        help="also score with so many strangers added to the gallery; several numbers give a curve",
    )
    evaluate.add_argument(
        "--strangers",
        metavar="drawn|FILE.npz|NAME=ROOT",
        help="the distractors: vectors drawn in the likeness of the gallery, the rows of a file of stca "
        "embed by the same model, or the tracklets of another data set of type NAME; default: drawn",
    )
    evaluate.add_argument(
        "--curve",
        type=picture,
        metavar="FILE",
        help="draw the curve of --distractors; the .csv lies beside it",
    )


def _add_learn_metric(verbs: Verbs) -> None:
    learn = add_verb(verbs, "learn-metric", _learn_metric, help="learn a distance on embedded tracklets")
    learn.add_argument("embeddings", type=Path, help="vectors of training persons: stca embed --part train")
    learn.add_argument("--method", choices=("xqda", "kissme"), default="xqda", help="how")
    learn.add_argument(
        "--dims", type=positive, help="xqda: at most so many directions; kissme: principal components"
    )
    learn.add_argument(
        "--regularisation",
        type=float,
        metavar="SHARE",
        help="of the mean variance, added to every variance; default: 0.001 for xqda, 0 for kissme",
    )
    learn.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="output file")


def test_data(args: argparse.Namespace, model: str) -> Splits:
    """Load the test data: the run's, unless --data, --dataset or --split replace it."""
    from stca.datasets import DATASETS, load_dataset
    from stca.errors import ConfigError
    from stca.run_dir import RunDir
    from stca.runs import is_model_file, is_path, load_test
    from stca.tools.lookup import is_safe

    if not is_path(model) or is_model_file(model):
        if args.data is None or args.dataset is None:
            raise ConfigError("This model has no test data of its own", expected="--dataset NAME --data ROOT")
        return load_dataset(args.dataset, args.data, split=args.split or 0)
    config = RunDir.open(Path(model)).config()
    data = config.data
    source = args.dataset or data.eval_source or data.source
    if args.dataset is None and not is_safe(DATASETS, source):
        raise ConfigError(
            "This run's data loader is a module outside stca, which is not imported automatically",
            found=source,
            hint=f"--dataset {source}, if you trust that module",
        )
    if args.data or args.dataset:
        options = (data.eval_options or data.options) if source in (data.source, data.eval_source) else {}
        roots = tuple(map(str, args.data or data.eval_roots or data.roots))
        data = dataclasses.replace(data, eval_source=source, eval_roots=roots, eval_options=options)
    if args.split is not None:
        data = dataclasses.replace(data, split=args.split)
    return load_test(dataclasses.replace(config, data=data))


def _embedding_of(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_test_data` that say how embeddings are computed, as keywords."""
    names = ("clip_len", "batch_size", "device", "precision", "runtime", "workers")
    return {name: getattr(args, name) for name in names}


def _evaluate(args: argparse.Namespace) -> None:
    from stca.evaluation import evaluate
    from stca.ranking import LearnedMetric, mean_over_splits
    from stca.runs import open_model
    from stca.tools.files import write_text
    from stca.tools.provenance import provenance

    metric = LearnedMetric.load(args.metric) if isinstance(args.metric, Path) else args.metric
    for option in ("curve", "strangers"):
        require_with(args, option, "distractors")
    splits = test_data(args, args.model[0])
    print(splits)
    if args.distractors:
        _with_distractors(args, splits, metric)
        return

    def figures(model: ReIDModel, name: str, precision: str) -> list[RankMetrics]:
        return evaluate(
            model,
            test_data(args, name) if args.mean_over_splits else splits,
            metric=metric,
            protocols=args.protocol,
            reranking="k-reciprocal" if args.rerank else None,
            **_embedding_of(args) | {"precision": precision},
            neck=args.neck,
        )

    scored: dict[str, list[RankMetrics]] = {}
    reference = None
    for name in dict.fromkeys([*args.model, *filter(None, [args.against])]):
        model = open_model(name, like=reference)
        reference = reference or model
        scored[name] = figures(model, name, args.precision)
        if args.precision == "int8":
            print(_int8_change(figures(model, name, "float32"), scored[name]))
    if args.mean_over_splits:
        for same_protocol in zip(*scored.values(), strict=True):
            print(mean_over_splits(same_protocol).table())
    print(_tables(scored))
    if args.against:
        print(_paired(scored[args.against], scored[args.model[0]], args.against))
    if args.json:
        rows = [{"system": name, **m.json()} for name, each in scored.items() for m in each]
        write_text(args.json, json.dumps({"provenance": provenance(), "results": rows}, indent=1) + "\n")


def _with_distractors(args: argparse.Namespace, splits: Splits, metric: Metric | LearnedMetric) -> None:
    from stca.errors import ConfigError
    from stca.runs.distractors import evaluate_with_distractors, write_curves
    from stca.tools.files import write_text
    from stca.tools.provenance import provenance

    for option in ("against", "mean_over_splits", "rerank"):
        if getattr(args, option):
            raise ConfigError(f"--distractors cannot be combined with --{option.replace('_', '-')}")
    curves = evaluate_with_distractors(
        args.model,
        splits,
        args.distractors,
        strangers=args.strangers or "drawn",
        metric=metric,
        protocols=args.protocol,
        **_embedding_of(args),
        neck=args.neck,
    )
    for system, curve in curves:
        print(f"{system}: {curve.table()}" if len(args.model) > 1 else curve.table())
    if args.curve:
        print(f"written: {', '.join(map(str, write_curves(curves, args.curve)))}")
    if args.json:
        rows = [
            {"system": system, "strangers": curve.description, "distractors": size, **metrics.json()}
            for system, curve in curves
            for size, metrics in zip(curve.sizes, curve.metrics, strict=True)
        ]
        write_text(args.json, json.dumps({"provenance": provenance(), "results": rows}, indent=1) + "\n")


def _tables(scored: dict[str, list[RankMetrics]]) -> str:
    """One model with confidence intervals, or several models in one table."""
    from stca.ranking import compare_table

    if len(scored) == 1:
        return "\n".join(metrics.table() for each in scored.values() for metrics in each)
    return compare_table([(name, metrics) for name, each in scored.items() for metrics in each])


def _paired(baseline: list[RankMetrics], other: list[RankMetrics], name: str) -> str:
    """Paired test of the difference on the same queries."""
    from stca.ranking import compare_runs

    figures: tuple[Figure, ...] = ("rank-1", "mAP", "mINP")
    lines = [f"against {name}, paired by query identity:"]
    for before, after in zip(baseline, other, strict=True):
        lines += [f"  {before.protocol}: {compare_runs(before, after, figure=figure)}" for figure in figures]
    return "\n".join(lines)


def _int8_change(exact: list[RankMetrics], quantised: list[RankMetrics]) -> str:
    """Change of the figures from float32 to int8, in percentage points."""
    figures: tuple[Figure, ...] = ("rank-1", "mAP")
    return "\n".join(
        f"{before.protocol}: from float32 to int8 "
        + ", ".join(f"{f} changed by {100 * (after.value(f) - before.value(f)):+.2f}" for f in figures)
        for before, after in zip(exact, quantised, strict=True)
    )


def _embed(args: argparse.Namespace) -> int:
    from stca.embedding import embed_tracklets
    from stca.errors import ConfigError
    from stca.runs import open_model
    from stca.runs.distractors import describe_model

    check_engine(args)
    if args.engine == "ray":
        if not args.data or args.dataset:
            raise ConfigError(
                "The Ray engine embeds folders of tracks", expected="--data TRACKS, no --dataset"
            )
        return 1 if embed_on_cluster(args, args.data, args.out)[1] else 0
    splits = test_data(args, args.model)
    model, options = open_model(args.model), _embedding_of(args)
    embeddings = embed_tracklets(model, getattr(splits, args.part), **options)
    embeddings.save(args.out, model=describe_model(model, **options))
    print(f"{embeddings}\nwritten to {args.out}")
    return 0


def _learn_metric(args: argparse.Namespace) -> None:
    from stca.ranking import KISSME, XQDA
    from stca.tracklets import Embeddings

    embeddings = Embeddings.load(args.embeddings)
    fit = {"xqda": XQDA.fit, "kissme": KISSME.fit}[args.method]
    given = {} if args.regularisation is None else {"regularisation": args.regularisation}
    metric = fit(embeddings, dims=args.dims, **given)
    metric.save(args.out)
    wide, narrow = metric.projection.shape
    print(f"{embeddings}\n{metric.name}: {wide} numbers to {narrow}, written to {args.out}")
