"""What a run writes while it trains."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from stca.clips import ClipBatch
from stca.losses import LossParts
from stca.run_dir import RunDir
from stca.training import log
from stca.training.log import Log
from trained import CONFIG, StoppedError, stop_at

LOSSES = LossParts(*torch.ones(4))
BATCH = ClipBatch(torch.zeros(8, 2, 32, 16, 3, dtype=torch.uint8), torch.arange(8), ())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=100.0)
    monkeypatch.setattr(log, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_neither_clips_nor_time_from_before_a_test_count_behind_it(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    run = RunDir.create(tmp_path / "run", CONFIG)
    book = Log(run, replace(CONFIG, log_every=3))
    for step in range(1, 7):
        clock.now += 2.0  # 8 clips in 2 s
        book.step(step, 0, 1e-3, LOSSES, BATCH)
        if step == 5:
            clock.now += 50.0
            book.evaluation(step, 0, {"toy/mAP": 0.5})
    book.close()
    assert [r["clips_per_s"] for r in run.metrics() if r["kind"] == "train"] == [4.0, 4.0, 4.0]


def starts(run: RunDir) -> list[int]:
    """From which step on each TensorBoard file takes the place of those before it."""
    files = sorted((run.path / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return [
        event.step
        for file in files
        for event in EventFileLoader(str(file)).Load()
        if event.session_log.status == SessionLog.START
    ]


def test_steps_that_are_done_again_stand_once_in_tensorboard(
    train: Callable[..., RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, checkpoint_steps=2, optim=replace(CONFIG.optim, epochs=3))
    with monkeypatch.context() as patch:
        stop_at(4, patch)  # step 3 is logged and not saved
        with pytest.raises(StoppedError):
            train(config)
    assert starts(train(config, resume=True)) == [3]


def test_a_run_that_is_begun_anew_has_no_curves_of_before(
    train: Callable[..., RunDir], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(2, patch)
        with pytest.raises(StoppedError):
            train()
    run = train(resume=True)
    assert len(list((run.path / "tensorboard").iterdir())) == 1
    assert starts(run) == []
