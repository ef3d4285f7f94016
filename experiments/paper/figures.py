"""Make figures 4, 5 and 6 of the paper, one command each.

    python -m experiments.paper.figures figure4 --data mars=/data/mars
    python -m experiments.paper.figures all --tiny

They show runs of the tables (`FIGURES`, first seed), which are trained first if necessary. Figures are
written to experiments/results/ (with --tiny, experiments/results/tiny/), each with its data as CSV and a page
with caption and provenance. `--dry-run` lists the runs.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.ending import exit_status
from experiments.paper.cached_runs import Run
from experiments.paper.drawing import DrawnFigure
from experiments.paper.plan import Job, listing

from experiments.paper import drawing, run_options
from stca.tools.files import atomic_write, write_text
from stca.tools.provenance import provenance_line

RESULTS = Path(__file__).parents[1] / "results"
OURS, EUCLIDEAN = "stca_mars", "stca_mars_euclidean"
WITH_COSINE, BASELINE = "cnn2d_mars", "cnn2d_mars_euclidean"
"""Rows of table 2: "2D-CNN with Cosine" and "2D-CNN (Baseline)"."""
FIGURES: dict[str, tuple[str, ...]] = {
    "figure4": (WITH_COSINE, OURS),
    "figure5": (OURS, BASELINE),
    "figure6": (OURS, EUCLIDEAN),
}
"""The recipes of each figure."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    return exit_status(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    chosen = list(FIGURES) if args.figure == "all" else [args.figure]
    runs = _runs(args, chosen)
    if args.dry_run:
        print(listing([Job(recipe, run) for recipe, run in runs.items()]))
        return
    for number, (recipe, run) in enumerate(runs.items(), 1):
        print(f"run {number} of {len(runs)}: {recipe}, {run.state()} ({run.path})", flush=True)
        run.ensure()
    for figure in chosen:
        _write(args, figure, _draw(args, figure, runs), runs)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("figure", choices=(*FIGURES, "all"))
    run_options.add_arguments(made)
    made.add_argument(
        "--draw", type=int, default=0, metavar="SEED", help="random seed of the selection of tracklets"
    )
    made.add_argument(
        "--dry-run", action="store_true", help="list the runs, their state and cost; train nothing"
    )
    made.add_argument("--out", type=Path, help="default: experiments/results, or experiments/results/tiny")
    return made


def _runs(args: argparse.Namespace, figures: Sequence[str]) -> dict[str, Run]:
    """The runs of the figures by recipe."""
    wanted = run_options.from_arguments(args)
    recipes = dict.fromkeys(recipe for figure in figures for recipe in FIGURES[figure])
    return {recipe: wanted.runs(recipe)[0] for recipe in recipes}


def _draw(args: argparse.Namespace, figure: str, runs: Mapping[str, Run]) -> DrawnFigure:
    first, second = (runs[recipe] for recipe in FIGURES[figure])
    data = "synthetic walkers with tiny models" if args.tiny else "MARS"
    if figure == "figure4":
        models = {"2D-CNN with Cosine": first.model(), "STCA": second.model()}
        return drawing.attention(models, second.splits(), data=data, seed=args.draw)
    if figure == "figure5":
        image_size = first.model().image_size
        return drawing.lists(
            first.test(), second.test(), first.splits(), data=data, image_size=image_size, seed=args.draw
        )
    metrics = {
        "cosine mining": first.ensure().metrics(),
        "euclidean mining": second.ensure().metrics(),
    }
    return drawing.losses(metrics, data=data)


def _write(args: argparse.Namespace, figure: str, drawn: DrawnFigure, runs: Mapping[str, Run]) -> None:
    out = args.out or (RESULTS / "tiny" if args.tiny else RESULTS)
    with atomic_write(out / f"{figure}.png") as file:
        file.write(drawn.png())
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([drawn.header, *drawn.rows])
    write_text(out / f"{figure}.csv", table.getvalue())
    write_text(out / f"{figure}.md", page(args, figure, drawn, {r: runs[r] for r in FIGURES[figure]}))
    print(out / f"{figure}.png")


def page(args: argparse.Namespace, figure: str, drawn: DrawnFigure, runs: Mapping[str, Run]) -> str:
    """The page of a figure: image, caption, runs and provenance."""
    lines = [
        f"# {figure.capitalize()[:-1]} {figure[-1]}",
        "",
        f"![{figure}]({figure}.png)",
        "",
        drawn.caption,
    ]
    lines += ["", "| run | seed | steps | protocol | rank-1 | mAP | commit | machine |"]
    lines += ["|---|---:|---:|---|---:|---:|---|---|"]
    for recipe, run in runs.items():
        for score in run.scores():
            values = " | ".join(f"{100 * score.figures[name]:.1f}" for name in ("rank-1", "mAP"))
            seed, steps = run.config.seed, run.state().step
            where = " | ".join(run.trained_at())
            lines.append(
                f"| {recipe} ({run.key}) | {seed} | {steps} | {score.protocol} | {values} | {where} |"
            )
    shown = argparse.Namespace(**{**vars(args), "seeds": args.seeds[:1]})
    command = run_options.command(f"experiments.paper.figures {figure}", shown)
    lines += ["", f"Numbers: [{figure}.csv]({figure}.csv)", "", f"`{command}`", ""]
    return "\n".join([*lines, f"Written: {provenance_line()}", ""])


if __name__ == "__main__":
    sys.exit(main())
