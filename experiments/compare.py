"""Compare a trained stca_small with the untrained network and a colour histogram, over several seeds.

    python -m experiments.compare walkers
    python -m experiments.compare footage --train footage/cam1 footage/cam2 --test footage/cam3

`walkers` renders new data for every seed; `footage` uses the same data with every seed. Results are written
to experiments/results/, runs to runs/compare/, where later calls reuse them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stca.config import RunConfig, override
from stca.evaluation import embed_test_set
from stca.ranking import RankMetrics
from stca.ranking.metrics import FIGURES
from stca.recipes import small_mot, small_walkers
from stca.runs import compare, load_run, load_test, run_demo, train, write_results
from stca.tools.files import write_text
from stca.tools.progress import format_seconds
from stca.tools.provenance import provenance_line

Results = list[tuple[str, RankMetrics]]
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", choices=("walkers", "footage"))
    parser.add_argument("--train", nargs="+", default=[], metavar="ROOT", help="MOTChallenge sequences")
    parser.add_argument("--test", nargs="+", default=[], metavar="ROOT", help="other MOTChallenge sequences")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of the run")
    parser.add_argument("--runs", type=Path, default=Path("runs/compare"))
    parser.add_argument("--out", type=Path, help="default: experiments/results/<data>.md")
    args = parser.parse_args()
    start = time.monotonic()
    results = [one_seed(args, seed) for seed in args.seeds]
    took = format_seconds(time.monotonic() - start)
    out = args.out or HERE / "results" / {"walkers": "walkers.md", "footage": "real_footage.md"}[args.data]
    write_text(out, page(args, results, took))
    print(out.read_text())


def one_seed(args: argparse.Namespace, seed: int) -> Results:
    """Train and compare with one seed."""
    out = args.runs / args.data / f"seed{seed}"
    if args.data == "walkers":
        return run_demo(override(dataclasses.replace(small_walkers(), seed=seed), args.set), out).results
    config = footage_config(args, seed)
    run = train(config, out, resume=True)
    model, splits = load_run(run.path), load_test(config)
    results = compare(model, splits, embed_test_set(model, splits), seed=seed)
    write_results(run, results)
    return results


def footage_config(args: argparse.Namespace, seed: int) -> RunConfig:
    recipe = small_mot()
    data = dataclasses.replace(recipe.data, roots=tuple(args.train), eval_roots=tuple(args.test))
    return override(dataclasses.replace(recipe, data=data, seed=seed), args.set)


def page(args: argparse.Namespace, results: Sequence[Results], took: str) -> str:
    """The page: table over seeds, table of each seed, and provenance."""
    title = {"walkers": "Synthetic walkers", "footage": "Real footage"}[args.data]
    lines = [f"# {title}: trained, untrained, colour histogram", ""]
    lines += [f"Percent, mean ± standard deviation over seeds {', '.join(map(str, args.seeds))}.", ""]
    lines += [*over_seeds(results), "", "Each seed:", "", *each_seed(args.seeds, results), ""]
    lines += [
        f"`{command(args)}`",
        "",
        f"{provenance_line()} Took {took} (existing runs were reused).",
        "",
    ]
    lines += ["```json", json.dumps(first_json(results[0]), indent=1), "```", ""]
    return "\n".join(lines)


def over_seeds(results: Sequence[Results]) -> list[str]:
    """Markdown rows: one per system and protocol."""
    lines = ["| system | protocol | queries | gallery | " + " | ".join(FIGURES) + " |"]
    lines += ["|---|---|" + "---:|" * (2 + len(FIGURES))]
    for row in range(len(results[0])):
        label, first = results[0][row]
        same = [seed[row][1] for seed in results]
        cells = []
        for figure in FIGURES:
            values = 100 * np.array([m.value(figure) for m in same])
            cells.append(f"{values.mean():.1f} ± {values.std(ddof=1) if len(values) > 1 else 0:.1f}")
        queries = "/".join(dict.fromkeys(str(m.num_queries) for m in same))
        gallery = "/".join(dict.fromkeys(str(m.gallery_size) for m in same))
        lines.append(f"| {label} | {first.protocol} | {queries} | {gallery} | {' | '.join(cells)} |")
    return lines


def each_seed(seeds: Sequence[int], results: Sequence[Results]) -> list[str]:
    """Markdown rows: rank-1 and mAP of every seed."""
    lines = ["| seed | system | protocol | rank-1 | mAP |", "|---:|---|---|---:|---:|"]
    for seed, each in zip(seeds, results, strict=True):
        for label, m in each:
            lines.append(
                f"| {seed} | {label} | {m.protocol} | {100 * m.cmc[0]:.1f} | {100 * m.mean_ap:.1f} |"
            )
    return lines


def first_json(results: Results) -> list[dict[str, object]]:
    """The first seed's results with intervals, without the long curves."""
    short = ("protocol", "num_queries", "gallery_size", "mean_ap", "mean_inp", "intervals")
    return [{"system": label} | {k: v for k, v in m.json().items() if k in short} for label, m in results]


def command(args: argparse.Namespace) -> str:
    words = ["python -m experiments.compare", args.data]
    for name in ("train", "test"):
        if roots := getattr(args, name):
            words += [f"--{name}", *roots]
    words += ["--seeds", *map(str, args.seeds)]
    return " ".join([*words, "--set", *args.set] if args.set else words)


if __name__ == "__main__":
    main()
