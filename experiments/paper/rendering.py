"""Tables as Markdown: the paper's rows, our rows under each protocol, and the runs with their provenance."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.paper.cell_results import CellResult
from experiments.paper.plan import Job, Plan
from experiments.paper.run_options import streams
from experiments.paper.tables import Row, Table
from experiments.paper.training_cost import hours

from stca.tools.progress import format_seconds
from stca.tools.provenance import provenance_line

TINY = (
    "Tiny: the `_small` models at a quarter of the image size, on synthetic walkers in place of the data "
    "sets, with some 150 steps of training each on a schedule of their own. It shows that the code runs; "
    "**its figures are not comparable with the paper's**, which are shown as in the full table."
)
_PAPER = "which starts from ImageNet's and Kinetics' (`--weights`)"
FROM_SCRATCH = "Trained from random weights: expect less than the paper has, " + _PAPER + "."


def markdown(table: Table, found: Sequence[CellResult], plan: Plan, command: str) -> str:
    """The page of a table."""
    options = plan.options
    lines = [f"# {table.title}", ""]
    if options.tiny:
        lines += [TINY, ""]
    elif words := _start(plan, found):
        lines += [words, ""]
    spread = ", mean ± standard deviation over seeds" if len(options.seeds) > 1 else ", seed"
    lines += [f"Percent{spread} {', '.join(map(str, options.seeds))}. {table.words}".rstrip(), ""]
    lines += [*_figures(table, found), ""]
    lines += [
        "The paper does not say by which protocol it scores MARS: mars-A leaves the queries out of the "
        "gallery, mars-B keeps them. A blank stands where a column belongs to another protocol.",
        "",
    ]
    for note in dict.fromkeys(each.note for each in found if each.note):
        lines += [f"{note}.", ""]
    lines += _runs(plan, found)
    lines += [f"`{command}`", "", f"Written: {provenance_line()}", ""]
    return "\n".join(lines)


def _start(plan: Plan, found: Sequence[CellResult]) -> str:
    """State which runs do not start from pretrained weights as the paper's do."""
    models = {each.recipe: plan.runs[each.recipe][0].config.model for each in found if each.runs}
    needed = {name: len(streams(model)) for name, model in models.items()}
    loaded = {
        name: needed[name] if model.inflate and model.weights else len(model.weights)
        for name, model in models.items()
    }
    if not any(loaded.values()):
        return FROM_SCRATCH if loaded else ""
    less = [f"{name} ({loaded[name]} of {needed[name]})" for name in loaded if loaded[name] < needed[name]]
    if not less:
        return ""
    words = f"Not all streams start from pretrained weights: {', '.join(less)}. "
    return words + "Expect less of these than the paper has, " + _PAPER + "."


def _figures(table: Table, found: Sequence[CellResult]) -> list[str]:
    head = [table.head, "whose", *(column.label for column in table.columns)]
    lines = [_line(head), "|---|---|" + "---:|" * len(table.columns)]
    for row in table.rows:
        whose = "paper" if row.recipes else "published, not run"
        lines.append(_line([row.label, whose, *_published(row, table)]))
        mine = [each for each in found if each.row == row.label and each.recipe]
        note = f"; {row.note}" if row.note else ""
        for protocol in dict.fromkeys(each.protocol for each in mine if each.protocol not in ("", "any")):
            lines.append(_line([row.label, f"ours, {protocol}{note}", *_ours(table, mine, protocol)]))
        if mine and all(each.protocol in ("", "any") for each in mine):
            lines.append(_line([row.label, f"ours{note}", *_ours(table, mine, "")]))
    return lines


def _published(row: Row, table: Table) -> list[str]:
    return [
        "-" if value is None else f"≈ {value:g}" if column.figure == "epochs" else f"{value:.1f}"
        for value, column in zip(row.published, table.columns, strict=True)
    ]


def _ours(table: Table, mine: Sequence[CellResult], protocol: str) -> list[str]:
    """The texts of our row, one per column."""
    texts = []
    for column in table.columns:
        here = [each for each in mine if each.column == column.label]
        fits = [each for each in here if each.protocol in (protocol, "any", "")]
        texts.append(_text(fits[0], whole=column.figure == "epochs") if fits else "")
    return texts


def _text(outcome: CellResult, *, whole: bool) -> str:
    if outcome.mean is None:
        return outcome.note.partition(":")[0]
    if whole:
        return f"{outcome.mean:g}"
    spread = "" if outcome.deviation is None else f" ± {outcome.deviation:.1f}"
    return f"{outcome.mean:.1f}{spread}"


def _runs(plan: Plan, found: Sequence[CellResult]) -> list[str]:
    """The runs, with training time, commit and machine."""
    keys = {key for each in found for key in each.runs}
    jobs = [job for job in plan.jobs(everything=True) if job.run.key in keys and job.run.done]
    if not jobs:
        return []
    head = [
        "run",
        "recipe, seed, split",
        "steps",
        "A100 hours, derived",
        "training took",
        "commit",
        "machine",
    ]
    return [
        "Runs:",
        "",
        _line(head),
        "|---|---|---:|---:|---:|---|---|",
        *(_run(job, tiny=plan.options.tiny) for job in jobs),
        "",
    ]


def _run(job: Job, *, tiny: bool) -> str:
    took = format_seconds(job.run.seconds())
    cost = "-" if tiny else f"{hours(job.run.config):.2g}"
    words = [
        job.run.key,
        str(job),
        f"{job.run.state().step:,}",
        cost,
        took,
        *job.run.trained_at(),
    ]
    return _line(words)


def _line(words: Sequence[str]) -> str:
    return f"| {' | '.join(words)} |"
