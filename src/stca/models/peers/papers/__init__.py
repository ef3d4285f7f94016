"""Systems of table 1 that are written from their papers alone: no official code was run to compare with.

What a paper leaves open, and what we chose there, is in the docstring of its network.
"""

from __future__ import annotations

from stca.models.peers.papers.gltr import GLTR
from stca.models.peers.papers.sta import STA
from stca.models.peers.papers.stcan import STCAN
from stca.models.peers.papers.trinet import TriNet
from stca.models.peers.table import TABLE_1, Figures, Peer, System

__all__ = ["PAPER_PEERS", "PAPER_SYSTEMS"]

PAPER_SYSTEMS: dict[str, System] = {
    "TriNet": System(
        paper="Hermans, Beyer and Leibe, In defense of the triplet loss for person re-identification",
        venue="arXiv 1703.07737",
        year=2017,
        distance="euclidean",
    ),
    "STA": System(
        paper="Fu, Wang, Wei and Huang, STA: Spatial-temporal attention for large-scale video-based person "
        "re-identification",
        venue="AAAI",
        year=2019,
    ),
    "GLTR": System(
        paper="Li, Wang, Tian, Gao and Zhang, Global-local temporal representations for video person "
        "re-identification",
        venue="ICCV",
        year=2019,
        distance="euclidean",
    ),
    "STCAN": System(
        paper="Fu, Zhang, Li, Wang and Wang, Spatial temporal and channel aware network for video-based "
        "person re-identification",
        venue="Image and Vision Computing",
        year=2022,
        our_layers=True,
    ),
}

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
