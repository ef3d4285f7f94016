"""Ablation study of STCA's gate on synthetic walkers, over several seeds.

    python -m experiments.attention.study                 # 8 systems x 2 data sets x 5 seeds: hours
    python -m experiments.attention.study --seeds 0 --persons 8 --set optim.epochs=1 --out runs/study/small

Each seed has its own people, cameras and weights. There are two data sets of synthetic walkers: `plain`, and
`twins`, whose people come in pairs that differ in gait only, so that no single frame distinguishes them. Runs
are stored in runs/study/cells; runs found there or in the CSV of an earlier call are not trained again
(another --out starts afresh). Two runs are trained at a time, each on half of the cores. The page, its CSV
and its figure are written to --out. The CSV keeps all runs; page and figure show those of the call. Runs in
float32 and in bf16 are different runs: on a machine where `auto` selects the other, --set precision=bf16
finds those trained in bf16.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from experiments.attention.measurements import Case, Measurement, read_measurement, read_table, to_json
from experiments.attention.page import write
from experiments.attention.parallel import measure_all
from experiments.attention.setups import CLIP_LEN, SETUPS, SIZE, SYSTEMS, render, table_file
from experiments.ending import exit_status
from experiments.paper.cached_runs import Run
from experiments.paper.keys import resolved
from jaxtyping import Float

from stca.clips import Transform, dense_batches, normalise
from stca.config import BatchConfig, ClipConfig, DataConfig, ModelConfig, OptimConfig, RunConfig, override
from stca.distance import pairwise_distance
from stca.errors import ConfigError
from stca.evaluation import TestSet
from stca.models import STCA
from stca.tools.files import write_text
from stca.walkers.plan import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    return exit_status(lambda: _main(args))


def _main(args: argparse.Namespace) -> None:
    cases = [Case(d, s, seed) for seed in args.seeds for d in args.data for s in args.systems]
    found = _known(args, cases) if args.known else _run_all(args, cases)
    print(*write(found, args), sep="\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="SEED")
    made.add_argument("--data", nargs="+", choices=list(SETUPS), default=list(SETUPS))
    made.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), metavar="NAME")
    made.add_argument(
        "--persons", type=int, default=40, help="number of training identities, and of test identities"
    )
    made.add_argument("--set", nargs="*", default=[], metavar="key=value", help="settings of every run")
    made.add_argument("--jobs", type=int, default=2, help="runs trained at the same time")
    made.add_argument("--known", action="store_true", help="train nothing; write the results that exist")
    made.add_argument("--runs", type=Path, default=Path("runs/study"))
    made.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results")
    return made


def measure(args: argparse.Namespace, case: Case) -> Measurement:
    """Train unless finished, and evaluate."""
    run = Run(config_of(args, case), args.runs / "cells")
    kept = run.path / "study.json"
    precision = resolved(run.config).precision
    if known := (run.done and read_measurement(kept)) or read_table(table_file(args)).get((case, run.key)):
        return dataclasses.replace(known, precision=precision)
    run.ensure()
    test = run.test()
    score = next(each for each in run.scores() if each.protocol == "mars-A")
    figures = score.figures
    found = Measurement(
        case,
        run.key,
        run.state().step,
        figures["rank-1"],
        figures["mAP"],
        twin_accuracy(test),
        *(gate_figures(run) or (np.nan,) * 4),
        *run.trained_at(),
        precision,
    )
    write_text(kept, to_json(found))
    return found


def _known(args: argparse.Namespace, cases: Sequence[Case]) -> list[Measurement]:
    """The measurements of these runs by earlier calls.

    Raises:
        ConfigError: there are none.

    """
    written, found = read_table(table_file(args)), []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            run = Run(_config_without_data(args, case, Path(folder)), args.runs / "cells")
            if known := read_measurement(run.path / "study.json") or written.get((case, run.key)):
                found.append(dataclasses.replace(known, precision=resolved(run.config).precision))
    if not found:
        precision = resolved(config_of(args, cases[0])).precision
        other = "float32" if precision == "bf16" else "bf16"
        raise ConfigError(
            "None of these runs has been measured yet",
            found=f"--persons {args.persons}, in {precision}",
            where=f"{args.runs}, {table_file(args)}",
            hint=f"run without --known, or try --set precision={other}",
        )
    return found


def _config_without_data(args: argparse.Namespace, case: Case, folder: Path) -> RunConfig:
    """`config_of` without rendering the walkers: the key needs only their settings."""
    here = argparse.Namespace(**{**vars(args), "runs": folder})
    file = _root(here, case.data, case.seed) / "walkers.json"
    if not file.is_file():
        write_text(file, json.dumps(_walkers(args, case.data, case.seed).recipe()))
    return config_of(here, case)


def config_of(args: argparse.Namespace, case: Case) -> RunConfig:
    """The config of a case; systems differ in the model only."""
    (name, options), setup = SYSTEMS[case.system], SETUPS[case.data]
    config = RunConfig(
        recipe="attention_study",
        data=DataConfig("walkers", (str(_root(args, case.data, case.seed)),)),
        model=ModelConfig(name, SIZE, options),
        clips=ClipConfig(CLIP_LEN),
        batch=BatchConfig(instances=setup.instances),
        optim=OptimConfig(setup.epochs, lr=1e-3, milestones=(setup.epochs * 7 // 10,), warmup_epochs=1),
        seed=case.seed,
        workers=0,
        log_every=1,
    )
    return override(config, args.set)


def twin_accuracy(test: TestSet) -> float:
    """How often the nearest tracklet of the query's person is nearer than the twin's; ties count half."""
    query, gallery = test
    distance = pairwise_distance(torch.from_numpy(query.vectors), torch.from_numpy(gallery.vectors)).numpy()
    right = []
    for row, (person, camera) in enumerate(zip(query.person_ids, query.camera_ids, strict=True)):
        elsewhere = gallery.camera_ids != camera
        twin = person + 1 if person % 2 else person - 1  # persons 1 and 2, 3 and 4, ...
        own, other = (distance[row, elsewhere & (gallery.person_ids == each)] for each in (person, twin))
        if len(own) and len(other):
            right.append(0.5 * (own.min() < other.min()) + 0.5 * (own.min() <= other.min()))
    return float(np.mean(right))


def gate_figures(run: Run) -> tuple[float, ...]:
    """Minimum, mean, maximum and spread of 1 + A_S over the queries' clips; empty without a gate."""
    model = run.model()
    if not isinstance(model, STCA):
        return ()
    tracklets = run.splits().query
    _, batches = dense_batches(tracklets, Transform(model.image_size), clip_len=CLIP_LEN, batch_size=16)
    gates: list[Float[np.ndarray, "B T h w"]] = []
    with torch.inference_mode():
        gates = [model.attention_maps(normalise(batch.frames))[0].numpy() for batch in batches]
    gate = np.concatenate(gates)
    spread = gate.std(axis=(2, 3)).mean()
    return float(gate.min()), float(gate.mean(dtype=np.float64)), float(gate.max()), float(spread)


def _root(args: argparse.Namespace, data: str, seed: int) -> Path:
    return Path(args.runs / "data" / f"{data}-{args.persons}-{seed}")


def _walkers(args: argparse.Namespace, data: str, seed: int) -> Settings:
    return SETUPS[data].walkers(
        train_persons=args.persons,
        test_persons=args.persons,
        cameras=6,
        size=SIZE,
        seed=seed,
        twins=data == "twins",
        distractors=8,
        junk=4,
    )


def _make_data(args: argparse.Namespace, data: str, seed: int) -> None:
    render(_root(args, data, seed), _walkers(args, data, seed))


def _run_all(args: argparse.Namespace, cases: Sequence[Case]) -> list[Measurement]:
    """Run the cases in parallel; results are in the order of `cases`."""
    for data, seed in dict.fromkeys((case.data, case.seed) for case in cases):
        _make_data(args, data, seed)
    return measure_all(measure, args, cases)


if __name__ == "__main__":
    sys.exit(main())
