"""docs/zoo.md is what `experiments.zoo.page` writes, and has every system."""

from pathlib import Path

from experiments.paper.tables import BUILT
from experiments.zoo.page import page, read_costs
from experiments.zoo.wiring import WIRINGS

from stca.models import PEERS
from stca.models.peers import SYSTEMS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "zoo.md").read_text() == page(), "python -m experiments.zoo.page"


def test_every_system_is_on_it_by_a_network_of_its_own() -> None:
    assert set(WIRINGS) == set(SYSTEMS)
    for name, wiring in WIRINGS.items():
        assert PEERS[wiring.model].system == name
    assert {w.row: w.model for w in WIRINGS.values() if w.row} == BUILT


def test_costs_are_read_from_the_page_of_the_peers() -> None:
    costs = read_costs((DOCS / "peers.md").read_text())
    assert set(costs) == set(PEERS)
    assert costs["nvan"] == (32_150_592, 8, 63.56)
