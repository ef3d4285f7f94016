"""Loss curves and their smoothing."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stca import ConfigError
from stca.analysis import curves_figure, default_window, loss_figure, save_figure, smooth


def records(count: int, *, every: int = 10, scale: float = 1.0, seed: int = 0) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    names = ("total", "triplet", "identity", "center")
    return [
        {"kind": "train", "step": every * (i + 1), **{name: scale * float(rng.random()) for name in names}}
        for i in range(count)
    ]


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.integers(0, 20).map(lambda half: 2 * half + 1)
)
def test_smoothing_is_the_mean_of_the_neighbours_there_are(values: list[float], window: int) -> None:
    reach = window // 2
    slow = [np.mean(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))]
    np.testing.assert_allclose(smooth(np.array(values), window), slow, atol=1e-8)


def test_windows_are_odd() -> None:
    for window in (0, 2, -1):
        with pytest.raises(ValueError, match="odd"):
            smooth(np.ones(5), window)
    assert [default_window(points) for points in (1, 36, 75, 150, 10_575)] == [1, 1, 3, 7, 423]


def test_four_parts_lettered_downwards_on_equal_steps(tmp_path: Path) -> None:
    runs = {"cosine mining": records(75), "euclidean mining": records(100, scale=7, seed=1)}
    figure = loss_figure(runs, title="T")
    by_letter = {axes.get_title()[:3]: axes for axes in figure.axes}
    assert [by_letter[f"({letter})"].get_title()[4:] for letter in "abcd"] == [
        "cosine mining: total loss",
        "cosine mining: triplet loss",
        "euclidean mining: total loss",
        "euclidean mining: triplet loss",
    ]
    assert {axes.get_xlim() for axes in figure.axes} == {(0, 1000)}
    assert all(axes.get_ylim()[0] == 0 for axes in figure.axes)
    assert {axes.get_xlabel() for axes in figure.axes} == {"step"}
    raw, line = by_letter["(d)"].lines
    values = np.array([each["triplet"] for each in runs["euclidean mining"]])
    np.testing.assert_array_equal(raw.get_ydata(), values)
    np.testing.assert_allclose(line.get_ydata(), smooth(values, 3))
    assert raw.get_alpha() < 0.5
    legend = by_letter["(a)"].get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "mean over 3 logged values (30 steps)"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "losses.png")


def test_short_runs_are_shown_as_logged() -> None:
    figure = loss_figure({"a": records(1), "b": records(5)})
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1, 1]
    assert "as logged" in figure.axes[0].get_legend().get_texts()[0].get_text()
    with pytest.raises(ConfigError, match="no training step"):
        loss_figure({"a": records(1), "empty": []})


def test_curves_can_be_smoothed_too() -> None:
    figure = curves_figure({"a": records(30), "b": records(30)}, window=5)
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 4, 4]
    raw, line = figure.axes[0].lines[:2]
    np.testing.assert_allclose(line.get_ydata(), smooth(np.asarray(raw.get_ydata()), 5))
    assert raw.get_color() == line.get_color()
