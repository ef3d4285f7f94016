"""The table of protocols in the docs is the one in the code, and its figures are the tested ones."""

import json
import re
from pathlib import Path

import numpy as np

from stca.ranking import PROTOCOLS, rank
from stca.tracklets import Embeddings

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


def test_the_protocol_of_your_own_does_what_it_says():
    """Person 2 is in the gallery in the query's camera only, and person 0 is nearest to the query of person 1."""
    query = Embeddings(np.eye(2, dtype=np.float32), np.array([1, 2]), np.array([1, 1]), ("a", "b"))
    vectors = np.array([[1, 0], [1, 0.5], [0, 1]], dtype=np.float32)
    gallery = Embeddings(vectors, np.array([0, 1, 2]), np.array([2, 2, 1]), ("c", "d", "e"))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/protocols.md").read_text(), re.DOTALL)
    (block,) = [block for block in blocks if "mine = Protocol" in block]
    names = {"rank": rank, "query": query, "gallery": gallery}
    exec(block, names)
    metrics = names["metrics"]
    assert metrics.average_precision.tolist() == [1, 0]
    assert metrics.gallery_size == 2
