"""The HTML report of a run: metrics, ranked lists, attention, losses and settings on one page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from stca.analysis import (
    attention_figure,
    clip_attention,
    curves_figure,
    ranked_lists,
    ranked_lists_figure,
    sample_lists,
)
from stca.evaluation import TestSet
from stca.models import STCA, ReIDModel
from stca.ranking import RankMetrics
from stca.ranking.metrics import FIGURES, WITH_INTERVAL
from stca.ranking.metrics import Figure as FigureName
from stca.run_dir import RunDir
from stca.tools.files import write_text
from stca.tracklets import Splits


@dataclass(frozen=True)
class Picture:
    """A figure with its title and caption."""

    title: str
    words: str
    figure: Figure

    @property
    def data(self) -> str:
        """PNG in base64."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", facecolor="white")
        return base64.b64encode(buffer.getvalue()).decode()


@dataclass(frozen=True)
class Row:
    """One row of the table of metrics."""

    label: str
    protocol: str
    queries: int
    gallery: int
    cells: tuple[str, ...]
    best: bool


def write_report(
    run: RunDir,
    model: ReIDModel,
    splits: Splits,
    test: TestSet,
    results: Sequence[tuple[str, RankMetrics]],
    *,
    title: str,
) -> Path:
    """Write `report.html` to the run folder.

    Args:
        run: its logged metrics and settings are shown.
        model: the trained model.
        splits: the test data.
        test: embeddings of `splits` by `model`.
        results: (label, metrics) of the trained model and of the baselines.
        title: title of the page.

    Returns:
        the path of the page.

    """
    environment = Environment(
        loader=PackageLoader("stca"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html").render(
        title=title,
        subtitle=f"{splits.name}: {len(splits.query)} queries, {len(splits.gallery)} gallery tracklets",
        figures=FIGURES,
        rows=_rows(results),
        pictures=_pictures(run, model, splits, test),
        provenance=_provenance(run),
        settings=(run.path / "config.yaml").read_text(),
    )
    path = run.path / "report.html"
    write_text(path, page)
    return path


def _provenance(run: RunDir) -> dict[str, str]:
    """Where the run was started, and one entry for every later continuation."""
    later = {
        f"from step {each['step']}": f"{each['date']}, commit {each['commit']}, {each['machine']}"
        for each in run.trained_by()[1:]
    }
    return {**run.provenance(), **later}


def _rows(results: Sequence[tuple[str, RankMetrics]]) -> list[Row]:
    best: Mapping[str, float] = {}
    for _, metrics in results:
        best = {**best, metrics.protocol: max(best.get(metrics.protocol, 0.0), metrics.mean_ap)}
    return [
        Row(
            label,
            metrics.protocol,
            metrics.num_queries,
            metrics.gallery_size,
            tuple(_cell(metrics, name) for name in FIGURES),
            metrics.mean_ap == best[metrics.protocol],
        )
        for label, metrics in results
    ]


def _cell(metrics: RankMetrics, name: FigureName) -> str:
    text = f"{100 * metrics.value(name):.1f}"
    if name not in WITH_INTERVAL:
        return text
    interval = metrics.interval(name)
    half = 50 * (interval.high - interval.low)
    return f"{text} ± {half:.1f}" if half == half else text


def _pictures(run: RunDir, model: ReIDModel, splits: Splits, test: TestSet) -> list[Picture]:
    by_key = {t.key: t for t in (*splits.query, *splits.gallery)}
    protocol = splits.protocols[0]
    lists = sample_lists(ranked_lists(*test, protocol=protocol), 6)
    pictures = [
        Picture(
            "Ranked lists",
            f"Left, in blue, the query; then its nearest gallery tracklets with their cosine distance: "
            f"green shows the same person, red another. Protocol {protocol}; queries drawn at random, up to "
            "half of them with a wrong match at rank 1.",
            ranked_lists_figure(lists, by_key, aspect=model.image_size[0] / model.image_size[1]),
        )
    ]
    if isinstance(model, STCA):
        chosen = [clip_attention(model, by_key[each.query], clip_len=8) for each in lists[:2]]
        pictures.append(
            Picture(
                "Attention",
                "The gates of the 2D stream over a clip's frames: 1 + A_S, where the frame agrees with the "
                "clip, and 1 + A_T, where the clip agrees with the frame. Yellow is the maximum, dark blue "
                "the minimum; the range of the gate's values is written above each row.",
                attention_figure(chosen),
            )
        )
    pictures.append(
        Picture(
            "Training losses",
            "The loss terms over training steps. The weight of the centre loss in the total is "
            f"{run.config().loss.center_weight:g}.",
            curves_figure({"this run": run.metrics()}),
        )
    )
    return pictures
