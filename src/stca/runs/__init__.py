"""Training runs from a config, their evaluation and their HTML report.

The demo and the report are imported when they are first used: they bring the renderer of walkers and
Matplotlib, which a server does not need to be up.
"""

import typing

from stca.runs.open_model import add_options, is_model_file, is_path, load_run, open_model
from stca.runs.running import (
    evaluate_model,
    headline,
    load_test,
    load_train,
    train,
)
from stca.tools.lazy_imports import lazy_names

if typing.TYPE_CHECKING:
    from stca.runs.demo import DemoResult, compare, run_demo, write_results
    from stca.runs.report import write_report

_HOMES = {
    **dict.fromkeys(("DemoResult", "compare", "run_demo", "write_results"), "stca.runs.demo"),
    "write_report": "stca.runs.report",
}

__getattr__ = lazy_names(__name__, _HOMES)

__all__ = [
    "DemoResult",
    "add_options",
    "compare",
    "evaluate_model",
    "headline",
    "is_model_file",
    "is_path",
    "load_run",
    "load_test",
    "load_train",
    "open_model",
    "run_demo",
    "train",
    "write_report",
    "write_results",
]
