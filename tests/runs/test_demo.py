"""The demo, whole and small: data, training, comparison, page; and again from where it stopped."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from sequences import TINY_MODEL
from stca.config import override
from stca.recipes import small_walkers
from stca.runs import demo, run_demo
from stca.walkers import make_walkers


def test_the_demo_leaves_a_page_that_needs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(make_walkers, cameras=2, frames=(4, 5), size=(64, 32), junk=1, distractors=1)
    monkeypatch.setattr(demo, "make_walkers", few)
    config = override(small_walkers(), TINY_MODEL)
    result = run_demo(config, tmp_path / "demo", persons=4)
    page = result.report.read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert page.count("data:image/png;base64,") == 3
    for words in ("stca_small, trained", "stca_small, untrained", "colour histogram", "mars-A", "mars-B"):
        assert words in page
    assert len(result.results) == 6
    written = json.loads((tmp_path / "demo" / "run" / "results.json").read_text())
    assert [r["system"] for r in written["results"]] == [label for label, _ in result.results]

    steps = (tmp_path / "demo" / "run" / "metrics.jsonl").read_text()
    again = run_demo(config, tmp_path / "demo", persons=4)
    assert (tmp_path / "demo" / "run" / "metrics.jsonl").read_text() == steps, (
        "a finished run is not trained again"
    )
    assert [m.mean_ap for _, m in again.results] == [m.mean_ap for _, m in result.results]
