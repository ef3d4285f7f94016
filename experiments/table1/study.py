"""Small relatives of table 1's systems on synthetic walkers, and on twins, to see which see time.

    python -m experiments.table1.study                # 15 systems x 2 data sets x 5 seeds: make table1 TINY=1
    python -m experiments.table1.study --seeds 0 --systems STCA NVAN
    python -m experiments.table1.study --dry-run      # lists the runs; trains nothing, writes nothing
    python -m experiments.table1.study --known        # trains nothing; writes the page of what there is

Finished runs are kept and interrupted ones go on. Page, CSV and picture go to experiments/results/tiny/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.attention.measurements import Case, Measurement, read_measurement, read_table, to_json
from experiments.attention.parallel import measure_all
from experiments.attention.setups import render
from experiments.attention.study import twin_accuracy
from experiments.ending import exit_status
from experiments.paper.cached_runs import Run
from experiments.table1.page import write
from experiments.table1.setups import SETUPS, SYSTEMS, run_config, table_file, walkers

from stca.errors import ConfigError
from stca.tools.files import write_text
from stca.tools.progress import format_seconds

RUN_SECONDS = 36.0
"""Of a processor, before any run is there: an estimate, 90 minutes for all 150."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    return exit_status(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    if args.dry_run:
        print(listing(args))
        return
    found = list(read_table(table_file(args)).values()) if args.known else _run_all(args)
    if not found:
        raise ConfigError("Nothing has been measured yet", where=table_file(args), hint="run without --known")
    print(*write(found, args), sep="\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="SEED")
    made.add_argument("--data", nargs="+", choices=list(SETUPS), default=list(SETUPS))
    made.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), metavar="NAME")
    made.add_argument(
        "--only", default="", metavar="TEXT", help="of the systems, those with this text in the name"
    )
    made.add_argument(
        "--dry-run", action="store_true", help="list the runs and what they take; train nothing"
    )
    made.add_argument("--jobs", type=int, default=2, help="runs trained at the same time")
    made.add_argument("--known", action="store_true", help="train nothing; write the page of the CSV's rows")
    made.add_argument("--runs", type=Path, default=Path("runs/table1"))
    made.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "tiny")
    return made


def cases_of(args: argparse.Namespace) -> list[Case]:
    """The runs, seed by seed.

    Raises:
        ConfigError: `--only` matches no system.

    """
    systems = [name for name in args.systems if args.only.lower() in f"{name} {SYSTEMS[name]}".lower()]
    if not systems:
        raise ConfigError("--only matches no system", expected="; ".join(args.systems), found=args.only)
    return [Case(data, system, seed) for seed in args.seeds for data in args.data for system in systems]


def listing(args: argparse.Namespace) -> str:
    """The runs with their state, and an estimate of what is left."""
    lines, left, took = [f"{'state':<28}  run"], 0, []
    for case in cases_of(args):
        root = _root(args, case.data, case.seed)
        state = "to do"
        if (root / "walkers.json").is_file():  # otherwise the run has no key yet
            run = Run(run_config(case.system, case.data, case.seed, root), args.runs / "cells")
            state = str(run.state())
            took += [run.seconds()] if run.done else []
        left += state != "done"
        lines.append(f"{state:<28}  {case.system}, {case.data}, seed {case.seed}")
    each = sum(took) / len(took) if took else RUN_SECONDS
    source = f"as the {len(took)} that are done took" if took else "a guess, not measured here"
    return "\n".join(
        [
            *lines,
            f"{left} runs to do, {args.jobs} at a time, of some {each:.0f} s ({source}): "
            f"{format_seconds(left * each / args.jobs)}",
        ]
    )


def _run_all(args: argparse.Namespace) -> list[Measurement]:
    """Seed by seed, so that what is cut short has whole seeds; the page follows every run."""
    cases = cases_of(args)
    for data, seed in dict.fromkeys((case.data, case.seed) for case in cases):
        render(_root(args, data, seed), walkers(data, seed))
    return measure_all(measure, args, cases, after=lambda measured: write([measured], args))


def _root(args: argparse.Namespace, data: str, seed: int) -> Path:
    return Path(args.runs / "data" / f"{data}-{seed}")


def measure(args: argparse.Namespace, case: Case) -> Measurement:
    """Train and score, each unless it has been done."""
    root = _root(args, case.data, case.seed)
    run = Run(run_config(case.system, case.data, case.seed, root), args.runs / "cells")
    kept = run.path / "table1.json"
    if run.done and (known := read_measurement(kept)):
        return known
    run.ensure()
    score = next(each for each in run.scores() if each.protocol == "mars-A").figures
    commit, machine = run.trained_at()
    found = Measurement(
        case,
        run.key,
        run.state().step,
        score["rank-1"],
        score["mAP"],
        twin_accuracy(run.test()),
        commit=commit,
        machine=machine,
        precision=run.config.precision,
    )
    write_text(kept, to_json(found))
    return found


if __name__ == "__main__":
    sys.exit(main())
