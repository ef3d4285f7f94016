"""Training runs from a config, their evaluation and their HTML report."""

from stca.runs.demo import DemoResult, compare, run_demo, write_results
from stca.runs.report import write_report
from stca.runs.running import (
    evaluate_model,
    headline,
    is_model_file,
    is_path,
    load_run,
    load_test,
    load_train,
    open_model,
    train,
)

__all__ = [
    "DemoResult",
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
