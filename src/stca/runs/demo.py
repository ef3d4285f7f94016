"""The demo: render synthetic walkers, train a small STCA on them and write an HTML report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from stca.config import RunConfig
from stca.evaluation import TestSet, embed_test_set, score
from stca.models import ReIDModel
from stca.ranking import RankMetrics
from stca.run_dir import RunDir
from stca.runs.open_model import load_run, untrained_model
from stca.runs.report import write_report
from stca.runs.running import load_test, train
from stca.tools.files import write_text
from stca.tracklets import Splits
from stca.walkers import make_walkers


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """The path of the HTML report, and the metrics per system."""

    report: Path
    results: list[tuple[str, RankMetrics]]


def run_demo(config: RunConfig, out: Path, *, persons: int = 40) -> DemoResult:
    """Render walkers to `out`/walkers, train in `out`/run, evaluate and write the report.

    An interrupted demo is resumed; finished parts are not repeated.

    Args:
        config: the run, for example the recipe `small_walkers`; its seed is also that of the data.
        out: output folder.
        persons: number of training identities; as many others are for testing.

    """
    walkers = make_walkers(out / "walkers", seed=config.seed, train_persons=persons, test_persons=persons)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, roots=(str(walkers),)))
    run = train(config, out / "run", resume=True)
    splits = load_test(config)
    model = load_run(run.path)
    test = embed_test_set(model, splits)
    results = compare(model, splits, test, seed=config.seed)
    write_results(run, results)
    report = write_report(run, model, splits, test, results, title="STCA on synthetic walkers")
    return DemoResult(report, results)


def compare(
    model: ReIDModel, splits: Splits, test: TestSet, *, seed: int = 0
) -> list[tuple[str, RankMetrics]]:
    """Evaluate the trained model, the same network untrained, and a colour histogram, under each protocol."""
    tests = {f"{model.spec.name}, trained": test}
    baselines = {f"{model.spec.name}, untrained": model.spec.name, "colour histogram": "colour_histogram"}
    for label, name in baselines.items():
        tests[label] = embed_test_set(untrained_model(name, like=model, seed=seed), splits)
    return [(label, result) for label, each in tests.items() for result in score(each, splits.protocols)]


def write_results(run: RunDir, results: Sequence[tuple[str, RankMetrics]]) -> None:
    """Write results.json to the run folder: all metrics by protocol, and the provenance of the run."""
    content = {
        "provenance": run.provenance(),
        "went_on": run.trained_by()[1:],
        "results": [{"system": s, **m.json()} for s, m in results],
    }
    write_text(run.path / "results.json", json.dumps(content, indent=1) + "\n")
