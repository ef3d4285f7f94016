"""Systems of table 1 that are written from their papers alone: no official code was run to compare with.

What a paper leaves open, and what we chose there, is in the docstring of its network.
"""

from __future__ import annotations

from stca.models.peers.papers.gltr import GLTR
from stca.models.peers.papers.sta import STA
from stca.models.peers.papers.stcan import STCAN
from stca.models.peers.papers.trinet import TriNet
from stca.models.peers.table import TABLE_1, Figures, Peer

__all__ = ["PAPER_PEERS"]

PAPER_PEERS: dict[str, Peer] = {
    "trinet": Peer("TriNet", TriNet, clip_len=4, mars=Figures(67.7, 79.8, TABLE_1)),
    "sta": Peer(
        "STA",
        STA,
        clip_len=4,
        mars=Figures(80.8, 86.3, TABLE_1),
        duke=Figures(94.9, 96.2, TABLE_1),
    ),
    "gltr": Peer(
        "GLTR",
        GLTR,
        clip_len=16,
        mars=Figures(78.5, 87.3, TABLE_1),
        duke=Figures(93.7, 96.3, TABLE_1),
        ilids=86.0,
    ),
    "stcan": Peer("STCAN", STCAN, clip_len=8),
}
