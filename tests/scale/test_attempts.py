import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stca.errors import ConfigError, FrameError
from stca.scale import cluster
from stca.scale.attempts import FAILED_FILE, Attempts, write_failed
from stca.scale.cluster import Outcome, distinct, follow


class Fails:
    """A task that fails the first `times` times."""

    def __init__(self, times: int) -> None:
        self.left, self.opened = times, 0

    def open(self) -> Any:
        self.opened += 1

        def do(piece: str) -> dict[str, Any]:
            if self.left:
                self.left -= 1
                raise FrameError("It is broken", where=piece)
            return {"hours": 2.0}

        return do


def worked(task: Any, attempts: Attempts) -> Outcome:
    """What a process of the pool answers."""
    batch = {"name": np.array(["a"]), "piece": np.array(["a.mp4"])}
    row = cluster._Actor(task, attempts)(batch)
    return Outcome(row["name"][0], {"facts": row["facts"][0]}, row["error"][0])


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    monkeypatch.setattr(cluster, "_WAIT", (0.0,))
    made = Attempts(tmp_path / ".attempts", 3)
    made.clear()
    return made


@pytest.mark.parametrize(("times", "error"), [(0, ""), (2, ""), (3, "It is broken")])
def test_a_failure_is_tried_again_and_then_set_aside(attempts: Attempts, times: int, error: str) -> None:
    task = Fails(times)
    outcome = worked(task, attempts)
    assert error in outcome.error
    assert bool(outcome.error) == bool(error)
    assert task.opened == 1
    assert bool(list(attempts.folder.iterdir())) == bool(error)


def test_a_piece_that_ends_its_process_each_time_is_set_aside_too(attempts: Attempts) -> None:
    for _ in range(3):
        assert attempts.begin("a")  # and the process ends here
    task = Fails(0)
    assert "ended each time" in worked(task, attempts).error
    assert not task.opened
    attempts.clear()
    assert not worked(task, attempts).error, "another run tries again"


def test_failures_are_listed_with_their_reasons_while_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [
        Outcome("a", {"hours": 1.5}),
        Outcome("=b", {}, "broken,\n  truly"),
        Outcome("c", {"hours": 0.5}),
    ]
    assert list(follow(outcomes, label="videos", total=3, failed_in=tmp_path)) == outcomes
    rows = list(csv.reader((tmp_path / FAILED_FILE).read_text().splitlines()))
    assert rows == [["video", "reason"], ["'=b", "broken, truly"]]
    words = capsys.readouterr().err
    assert "2.00 h of video" in words
    assert "1 failed" in words
    write_failed(tmp_path, {})
    assert not (tmp_path / FAILED_FILE).exists()


def test_two_pieces_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="camera folders"):
        distinct(["a", "b", "a"], what="camera folders")
    with pytest.raises(ConfigError, match="upper and lower case"):
        distinct(["a", "b", "A"], what="camera folders")
