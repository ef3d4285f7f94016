"""`stca show attention | ranks | curves`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stca.cli.evaluating import test_data
from stca.cli.parsing import (
    MODEL_HELP,
    Verbs,
    add_data,
    add_test_data,
    add_verb,
    natural,
    odd,
    picture,
    positive,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stca.analysis import RankedList
    from stca.config import DataConfig
    from stca.models import ReIDModel
    from stca.tracklets import Splits, Tracklet

Item = TypeVar("Item")


def add_verbs(verbs: Verbs) -> None:
    """Add `show` and its subcommands."""
    parent = verbs.add_parser("show", help="draw attention maps, ranked lists and loss curves")
    below = parent.add_subparsers(title="commands", metavar="COMMAND", required=True)

    attention = add_verb(below, "attention", _attention, help="attention maps over the frames of clips")
    ranks = add_verb(
        below, "ranks", _ranks, help="ranked lists of queries, with correct and wrong matches marked"
    )
    for parser in (attention, ranks):
        parser.add_argument("model", help=MODEL_HELP)
        parser.add_argument(
            "--against",
            metavar="MODEL",
            help="compare with this model on the same tracklets, e.g. a 2D baseline",
        )
        (add_data if parser is attention else add_test_data)(parser)
        parser.add_argument("--count", type=positive, default=4, help="number of tracklets or queries")
        parser.add_argument("--key", action="append", help="show this tracklet or query; may be repeated")
        parser.add_argument("--seed", type=natural, default=0, help="random seed of the selection")
    attention.add_argument("--frames", type=positive, default=8, metavar="T", help="frames per clip")
    ranks.add_argument("-k", type=positive, default=8, help="length of each ranked list")
    ranks.add_argument(
        "--metric", choices=("cosine", "euclidean"), default="cosine", help="distance of the ranking"
    )
    ranks.add_argument("--protocol", help="evaluation protocol; default: the data set's first")

    curves = add_verb(below, "curves", _curves, help="loss terms over the course of training")
    curves.add_argument("run_dir", nargs="+", type=Path, metavar="run", help="run folders")
    curves.add_argument(
        "--smooth", type=odd, default=1, metavar="N", help="moving average over N logged values; odd"
    )
    for parser in (attention, ranks, curves):
        parser.add_argument(
            "--out", type=picture, required=True, metavar="FILE.png", help="output file (.png, .pdf or .svg)"
        )


def _attention(args: argparse.Namespace) -> None:
    import numpy as np

    from stca.analysis import clip_maps, maps_figure, save_figure
    from stca.runs import open_model

    splits = _test_data(args)
    tracklets = _chosen(args, {t.key: t for t in splits.query})
    if not args.key:
        order = np.random.default_rng(args.seed).permutation(len(tracklets))[: args.count]
        tracklets = [tracklets[i] for i in order]
    model = open_model(args.model)
    label, other = _labels(args)
    models = {other: open_model(args.against, like=model)} if args.against else {}
    models[label] = model
    clips = [clip_maps(models, t, clip_len=args.frames) for t in tracklets]
    print(save_figure(maps_figure(clips, title=f"{splits.name}: where the models attend"), args.out))


def _ranks(args: argparse.Namespace) -> None:
    from stca.analysis import ranked_lists_figure, sample_lists, save_figure
    from stca.runs import open_model

    splits = _test_data(args)
    model = open_model(args.model)
    lists = _lists(args, model, splits)
    tracklets = {t.key: t for t in (*splits.query, *splits.gallery)}
    title = f"{splits.name}, protocol {args.protocol or splits.protocols[0]}, {args.metric} distance"
    aspect = model.image_size[0] / model.image_size[1]
    if args.against:
        others = _lists(args, open_model(args.against, like=model), splits)
        figure = _paired(args, lists, others, tracklets, title=title, aspect=aspect)
    else:
        chosen = _chosen(args, {each.query: each for each in lists})
        if not args.key:
            chosen = sample_lists(chosen, args.count, seed=args.seed)
        figure = ranked_lists_figure(chosen, tracklets, title=title, aspect=aspect)
    print(save_figure(figure, args.out))


def _paired(
    args: argparse.Namespace,
    lists: list[RankedList],
    others: list[RankedList],
    tracklets: dict[str, Tracklet],
    *,
    title: str,
    aspect: float,
) -> Figure:
    from stca.analysis import pair_lists, paired_lists_figure, sample_by_outcome

    pairs = pair_lists(lists, others)
    chosen = _chosen(args, {pair.query: pair for pair in pairs})
    if not args.key:
        chosen = sample_by_outcome(chosen, args.count, seed=args.seed)
    labels = _labels(args)
    return paired_lists_figure(chosen, pairs, tracklets, labels=labels, title=title, aspect=aspect)


def _lists(args: argparse.Namespace, model: ReIDModel, splits: Splits) -> list[RankedList]:
    from stca.analysis import ranked_lists
    from stca.evaluation import embed_test_set

    test = embed_test_set(
        model,
        splits,
        clip_len=args.clip_len,
        batch_size=args.batch_size,
        device=args.device,
        precision=args.precision,
        runtime=args.runtime,
        workers=args.workers,
    )
    protocol = args.protocol or splits.protocols[0]
    return ranked_lists(*test, k=args.k, metric=args.metric, protocol=protocol)


def _curves(args: argparse.Namespace) -> None:
    from stca.analysis import curves_figure, save_figure
    from stca.run_dir import RunDir

    runs = {str(path): RunDir.open(path).metrics() for path in args.run_dir}
    print(save_figure(curves_figure(runs, window=args.smooth), args.out))


def _test_data(args: argparse.Namespace) -> Splits:
    """Load the test data, which must be the same for both models unless --data is given."""
    from stca.errors import ConfigError
    from stca.run_dir import RunDir
    from stca.runs import is_model_file, is_path

    runs = [name for name in (args.model, args.against) if name and is_path(name)]
    folders = [name for name in runs if not is_model_file(name)]
    if len(folders) == 2 and not args.data:
        ours, theirs = (_tested_on(RunDir.open(Path(name)).config().data) for name in folders)
        if ours != theirs:
            raise ConfigError(
                "These two runs were tested on different data",
                expected=ours,
                found=theirs,
                where=args.against,
                hint="--dataset NAME --data ROOT, to evaluate both on one test set",
            )
    return test_data(args, args.model)


def _tested_on(data: DataConfig) -> str:
    options = data.eval_options if data.eval_roots else data.options
    roots = ", ".join(data.eval_roots or data.roots)
    source = (data.eval_source if data.eval_roots else None) or data.source
    return f"{source} at {roots}, split {data.split}" + (f", {options}" if options else "")


def _labels(args: argparse.Namespace) -> tuple[str, str]:
    """Short, distinct labels of the two models."""
    from stca.analysis import shorten

    names = [str(name).rstrip("/") for name in (args.model, args.against or "")]
    short = [Path(name).name for name in names]
    first, second = (shorten(name, 15) for name in (short if short[0] != short[1] else names))
    return (first, second) if first != second else (f"1: {first}", f"2: {second}")


def _chosen(args: argparse.Namespace, items: dict[str, Item]) -> list[Item]:
    """The items named by --key, or all of them."""
    from stca.errors import ConfigError
    from stca.tools.lookup import suggest

    for key in args.key or ():
        if key not in items:
            example = ", ".join(list(items)[:3])
            raise ConfigError(
                f"There is no query {key!r}",
                expected=f"a tracklet's key, e.g. {example}",
                hint=suggest(key, items),
            )
    return [items[key] for key in args.key] if args.key else list(items.values())
