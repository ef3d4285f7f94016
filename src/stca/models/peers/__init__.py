"""The systems of the paper's table 1, and their relatives, each equal in numbers to its official network.

Every network is written here from its paper, and checked against outputs that the official code returned on
weights and clips by formula (`tests/models/peers`). `load_weights` reads the official checkpoints.
"""

from __future__ import annotations

from functools import partial

from stca.models.peers.parts.model import PeerModel
from stca.models.peers.revisit_tempool import RevisitTempool
from stca.models.peers.table import Figures, Peer, System

__all__ = ["PEERS", "SYSTEMS", "Figures", "Peer", "PeerModel", "System"]

_TABLE_1 = "STCA paper, table 1"
_README = "README of the official code"

SYSTEMS: dict[str, System] = {
    "RevisitTempool": System(
        paper="Gao and Nevatia, Revisiting temporal modeling for video-based person ReID",
        venue="arXiv 1805.02104",
        year=2018,
        code="jiyanggao/Video-Person-ReID@dfe9a02e",
        licence="none",
        distance="euclidean",
    ),
}

PEERS: dict[str, Peer] = {
    "resnet50tp": Peer(
        "RevisitTempool",
        partial(RevisitTempool, aggregation="tp"),
        clip_len=4,
        image_size=(224, 112),
        mars=Figures(75.8, 83.1, f"{_README}; {_TABLE_1}"),
    ),
    "resnet50ta": Peer(
        "RevisitTempool",
        partial(RevisitTempool, aggregation="ta"),
        clip_len=4,
        image_size=(224, 112),
        mars=Figures(76.7, 83.3, _README),
    ),
    "resnet50rnn": Peer(
        "RevisitTempool",
        partial(RevisitTempool, aggregation="rnn"),
        clip_len=4,
        image_size=(224, 112),
        mars=Figures(73.9, 81.6, _README),
    ),
}
