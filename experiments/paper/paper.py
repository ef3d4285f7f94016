"""Make the tables of the paper, one command each.

    python -m experiments.paper.paper table2 --data mars=/data/mars
    python -m experiments.paper.paper all --data mars=/data/mars --data duke=/data/duke \
        --data ilids=/data/ilids
    python -m experiments.paper.paper all --tiny

Finished runs are reused and interrupted runs resumed. Tables are written to experiments/results/ (with
--tiny, experiments/results/tiny/) as Markdown and CSV, runs to runs/cells/ (runs/tiny/cells/). `--dry-run`
lists the runs. The exit status is 1 if a run failed, which its cells say, or if there was nothing to run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from experiments.ending import exit_status
from experiments.paper.cell_results import cell_results, to_csv
from experiments.paper.plan import Plan
from experiments.paper.rendering import markdown
from experiments.paper.tables import TABLES

from experiments.paper import complexity, run_options
from stca.errors import ConfigError
from stca.tools.files import write_text
from stca.tools.progress import format_seconds

TINY_TABLE1 = "make table1 TINY=1, or python -m experiments.table1.study"
RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    return exit_status(lambda: _main(args))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("table", choices=(*TABLES, "complexity", "all"))
    run_options.add_arguments(made)
    made.add_argument(
        "--only", default="", metavar="TEXT", help="run only cells with this text in row, column or recipe"
    )
    made.add_argument(
        "--dry-run", action="store_true", help="list the runs, their state and cost; train nothing"
    )
    made.add_argument("--out", type=Path, help="default: experiments/results, or experiments/results/tiny")
    return made


def _main(args: argparse.Namespace) -> int:
    out = args.out or (RESULTS / "tiny" if args.tiny else RESULTS)
    if args.table in ("complexity", "all") and not args.dry_run:
        found = complexity.costs()
        page = complexity.markdown(found, "python -m experiments.paper.paper complexity")
        _write(out / "complexity.md", page, complexity.to_csv(found))
    if args.table == "complexity":
        return 0
    chosen = list(TABLES.values()) if args.table == "all" else [TABLES[args.table]]
    if args.tiny and TABLES["table1"] in chosen:
        chosen.remove(TABLES["table1"])
        if not chosen:
            raise ConfigError("The small table 1 is a study of its own", hint=TINY_TABLE1)
        print(f"table 1 is left out; its small runs are a study of their own: {TINY_TABLE1}", file=sys.stderr)
    plan = Plan(run_options.from_arguments(args), chosen, args.only)
    if args.dry_run:
        print(plan.listing())
        return 0
    if not plan.jobs():
        print("error: nothing to run", *plan.missing.values(), sep="\n  ", file=sys.stderr)
        return 1
    start = time.monotonic()
    plan.execute()
    for table in chosen:
        cells = cell_results(plan, table)
        _write(
            out / f"{table.name}.md", markdown(table, cells, plan, _command(args, table.name)), to_csv(cells)
        )
    print(
        f"took {format_seconds(time.monotonic() - start)}; "
        f"{len(plan.failed)} of {len(plan.jobs())} runs failed"
    )
    return 1 if plan.failed else 0


def _command(args: argparse.Namespace, table: str) -> str:
    return run_options.command(f"experiments.paper.paper {table}", args)


def _write(path: Path, page: str, table: str) -> None:
    write_text(path, page)
    write_text(path.with_suffix(".csv"), table)
    print(f"{page}\n{path}\n")


if __name__ == "__main__":
    sys.exit(main())
