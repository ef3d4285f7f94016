"""Training runs from a config, their evaluation and their HTML report."""

from stca.runs.demo import DemoResult, compare, run_demo, write_results
from stca.runs.open_model import add_options, is_model_file, is_path, load_run, open_model
from stca.runs.report import write_report
from stca.runs.running import (
    evaluate_model,
    headline,
    load_test,
    load_train,
    train,
)

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
