"""The table of protocols in the docs is the one in the code, and its figures are the tested ones."""

import json
from pathlib import Path

from stca.ranking import PROTOCOLS

from .test_mars_scores import NAMES

ROOT = Path(__file__).parents[2]


def test_every_protocol_is_documented():
    text = (ROOT / "docs/protocols.md").read_text()
    assert not [name for name in PROTOCOLS if f"`{name}`" not in text]


def test_documented_figures_are_the_tested_ones():
    text = (ROOT / "docs/protocols.md").read_text()
    expected = json.loads((ROOT / "tests/data/expected_scores.json").read_text())["weak_seed0"]
    for name, scores in expected.items():
        cells = (
            f"{scores['rank1']:.2f}",
            f"{scores['mean_ap']:.2f}",
            scores["scored_queries"],
            scores["gallery"],
        )
        assert f"| `{NAMES[name]}` | " + " | ".join(map(str, cells)) + " |" in text
