import sys
import time

import pytest

from stca.tools import progress as module
from stca.tools.progress import format_seconds, progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (42.4, "42 s"),
        (59.6, "1 min 00 s"),
        (185.0, "3 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7800.0, "2 h 10 min"),
        (360000.0, "100 h 00 min"),
    ],
)
def test_seconds_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_items_pass_through_and_a_quick_job_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(100), label="work")) == list(range(100))
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 4))  # every item takes four seconds
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert list(progress("abcdefgh", label="embed", status=lambda: "loss 1.5")) == list("abcdefgh")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["embed: 3/8, loss 1.5, 20 s left", "embed: 6/8, loss 1.5, 8 s left"]


def test_without_a_total_there_is_no_estimate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 10_000, 11))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert list(progress(iter("ab"), label="read")) == ["a", "b"]
    assert capsys.readouterr().err.splitlines() == ["read: 1/?", "read: 2/?"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress(iter(range(5)), label="train", total=5, status=lambda: "epoch 2")) == list(range(5))
    err = capsys.readouterr().err
    assert "train" in err
    assert "5/5" in err
    assert "epoch 2" in err


def test_a_failure_in_the_loop_comes_out() -> None:
    def broken():
        yield 1
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        list(progress(broken(), label="x", total=2))
