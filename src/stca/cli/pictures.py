"""`stca show attention | ranks | curves`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

from stca.cli.evaluating import test_data
from stca.cli.parsing import Verbs, add_data, add_test_data, add_verb, natural, picture, positive

Item = TypeVar("Item")


def add_verbs(verbs: Verbs) -> None:
    """Add `show` and what is below it."""
    parent = verbs.add_parser("show", help="pictures: attention, ranked lists, loss curves")
    below = parent.add_subparsers(title="verbs", metavar="VERB", required=True)

    attention = add_verb(below, "attention", _attention, help="where STCA looks, over the frames of clips")
    ranks = add_verb(below, "ranks", _ranks, help="queries beside what was found, right and wrong marked")
    for parser in (attention, ranks):
        parser.add_argument(
            "model", help="a run's folder, a .safetensors file, or a model's name (untrained)"
        )
        (add_data if parser is attention else add_test_data)(parser)
        parser.add_argument("--count", type=positive, default=4, help="how many tracklets or queries")
        parser.add_argument("--key", action="append", help="this tracklet or query; may be repeated")
        parser.add_argument("--seed", type=natural, default=0, help="of the choice")
    attention.add_argument("--frames", type=positive, default=8, metavar="T", help="per clip")
    ranks.add_argument("-k", type=positive, default=8, help="length of a list")
    ranks.add_argument("--metric", choices=("cosine", "euclidean"), default="cosine", help="of the ranking")
    ranks.add_argument("--protocol", help="default: the data set's first")

    curves = add_verb(below, "curves", _curves, help="the terms of the loss over training")
    curves.add_argument("run_dir", nargs="+", type=Path, metavar="run", help="folders of runs")
    for parser in (attention, ranks, curves):
        parser.add_argument(
            "--out", type=picture, required=True, metavar="FILE.png", help="where to (.png .pdf .svg)"
        )


def _attention(given: argparse.Namespace) -> None:
    import numpy as np

    from stca.analysis import attention_figure, clip_attention, save_figure
    from stca.runs import open_model

    splits = test_data(given, given.model)
    tracklets = _chosen(given, {t.key: t for t in splits.query})
    if not given.key:
        order = np.random.default_rng(given.seed).permutation(len(tracklets))[: given.count]
        tracklets = [tracklets[i] for i in order]
    model = open_model(given.model)
    clips = [clip_attention(model, t, clip_len=given.frames) for t in tracklets]
    print(save_figure(attention_figure(clips), given.out))


def _ranks(given: argparse.Namespace) -> None:
    from stca.analysis import pick, ranked_lists, ranked_lists_figure, save_figure
    from stca.evaluation import embed_test_set
    from stca.runs import open_model

    splits = test_data(given, given.model)
    test = embed_test_set(
        open_model(given.model),
        splits,
        clip_len=given.clip_len,
        batch_size=given.batch_size,
        device=given.device,
        precision=given.precision,
        workers=given.workers,
    )
    protocol = given.protocol or splits.protocols[0]
    lists = ranked_lists(*test, k=given.k, metric=given.metric, protocol=protocol)
    chosen = _chosen(given, {each.query: each for each in lists})
    if not given.key:
        chosen = pick(chosen, given.count, seed=given.seed)
    tracklets = {t.key: t for t in (*splits.query, *splits.gallery)}
    print(save_figure(ranked_lists_figure(chosen, tracklets, title=f"protocol {protocol}"), given.out))


def _curves(given: argparse.Namespace) -> None:
    from stca.analysis import curves_figure, save_figure
    from stca.run_dir import RunDir

    runs = {str(path): RunDir.open(path).metrics() for path in given.run_dir}
    print(save_figure(curves_figure(runs), given.out))


def _chosen(given: argparse.Namespace, items: dict[str, Item]) -> list[Item]:
    """Those named by --key, or all."""
    from stca.errors import ConfigError
    from stca.lookup import suggest

    for key in given.key or ():
        if key not in items:
            example = ", ".join(list(items)[:3])
            raise ConfigError(
                f"There is no query {key!r}",
                expected=f"a tracklet's key, e.g. {example}",
                hint=suggest(key, items),
            )
    return [items[key] for key in given.key] if given.key else list(items.values())
