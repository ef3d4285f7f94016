"""Runs of the watching's experiments lie apart, whatever dots their names have."""

from argparse import Namespace
from pathlib import Path

import pytest
from experiments.watch.file_by_file import beside
from experiments.watch.live import run_name


@pytest.mark.parametrize(
    "other", [("net.2.onnx", "yolo.1"), ("net.1.onnx", "yolo.2"), ("net.1.xml", "yolo.1")]
)
def test_names_that_differ_behind_a_dot(tmp_path: Path, other: tuple[str, str]) -> None:
    runs = [("models/net.1.onnx", "yolo.1"), other]
    outs = [tmp_path / run_name(Namespace(model=m, detector=d, cameras=2, every=1)) for m, d in runs]
    files = {beside(out, suffix) for out in outs for suffix in (".toml", ".jsonl", ".told.json", ".log")}
    assert len(files) == 8
    assert all(file.parent == tmp_path for file in files)
