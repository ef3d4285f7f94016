"""docs/zoo.md is what `experiments.zoo.page` writes, and has every system."""

from pathlib import Path

from experiments.paper.tables import BUILT
from experiments.zoo.page import page, places, read_costs
from experiments.zoo.picture import draw
from experiments.zoo.wiring import WIRINGS

from stca.models import PEERS
from stca.models.peers import SYSTEMS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "zoo.md").read_text() == page(), "python -m experiments.zoo.page"


def test_no_label_of_the_picture_covers_another() -> None:
    shown = places(read_costs((DOCS / "peers.md").read_text()))
    axes = draw(shown).axes[0]
    assert [text.get_text() for text in axes.texts] == [name for name, *_ in shown]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_every_system_is_on_it_by_a_network_of_its_own() -> None:
    assert set(WIRINGS) == set(SYSTEMS)
    for name, wiring in WIRINGS.items():
        assert PEERS[wiring.model].system == name
    assert {w.row: w.model for w in WIRINGS.values() if w.row} == BUILT


def test_costs_are_read_from_the_page_of_the_peers() -> None:
    costs = read_costs((DOCS / "peers.md").read_text())
    assert set(costs) == set(PEERS)
    assert costs["nvan"] == (32_150_592, 8, 63.56)
