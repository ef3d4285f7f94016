"""The systems of the paper's table 1, and their relatives, each equal in numbers to its official network.

Every network is written here from its paper, and checked against outputs that the official code returned on
weights and clips by formula (`tests/models/peers`). `load_weights` reads the official checkpoints.
"""

from __future__ import annotations

from functools import partial

from stca.models.peers.bicnet import BiCnetTKS
from stca.models.peers.grl import GRL
from stca.models.peers.parts.model import PeerModel
from stca.models.peers.psta import PSTA
from stca.models.peers.revisit_tempool import RevisitTempool
from stca.models.peers.sinet import SINet
from stca.models.peers.stmn import STMN
from stca.models.peers.table import Figures, Peer, System
from stca.models.peers.tclnet import TCLNet

__all__ = ["PEERS", "SYSTEMS", "Figures", "Peer", "PeerModel", "System"]

_TABLE_1 = "STCA paper, table 1"
_README = "README of the official code"
_LEADERBOARD = "leaderboard of AsuradaYuci/awesome_video_person_reid"

SYSTEMS: dict[str, System] = {
    "RevisitTempool": System(
        paper="Gao and Nevatia, Revisiting temporal modeling for video-based person ReID",
        venue="arXiv 1805.02104",
        year=2018,
        code="jiyanggao/Video-Person-ReID@dfe9a02e",
        licence="none",
        distance="euclidean",
    ),
    "BiCnet-TKS": System(
        paper="Hou et al., BiCnet-TKS: Learning efficient spatial-temporal representation for video person "
        "re-identification",
        venue="CVPR",
        year=2021,
        code="blue-blue272/BiCnet-TKS@bc24b3db",
        licence="none",
        distance="cosine",
    ),
    "STMN": System(
        paper="Eom et al., Video-based person re-identification with spatial and temporal memory networks",
        venue="ICCV",
        year=2021,
        code="cvlab-yonsei/STMN@298e2a8e",
        licence="scientific or personal use only, says its README",
        distance="cosine",
    ),
    "TCLNet": System(
        paper="Hou et al., Temporal complementary learning for video person re-identification",
        venue="ECCV",
        year=2020,
        code="blue-blue272/VideoReID-TCLNet@6f35b2c3",
        licence="none",
        distance="dot product",
    ),
    "SINet": System(
        paper="Bai et al., Salient-to-broad transition for video person re-identification",
        venue="CVPR",
        year=2022,
        code="baist/SINet@3f3d8380",
        licence="MIT",
        distance="cosine",
    ),
    "PSTA": System(
        paper="Wang et al., Pyramid spatial-temporal aggregation for video-based person re-identification",
        venue="ICCV",
        year=2021,
        code="WangYQ9/VideoReID_PSTA@fd467fa1",
        licence="none",
        distance="cosine",
    ),
    "GRL": System(
        paper="Liu et al., Watching you: Global-guided reciprocal learning for video-based person "
        "re-identification",
        venue="CVPR",
        year=2021,
        code="flysnowtiger/GRL@26eed654",
        licence="none",
        distance="dot product",
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
    "bicnet_tks": Peer(
        "BiCnet-TKS", BiCnetTKS, clip_len=8, mars=Figures(86.0, 90.2, f"{_LEADERBOARD}; {_TABLE_1}")
    ),
    "stmn": Peer("STMN", STMN, clip_len=6, mars=Figures(84.5, 90.5, f"{_LEADERBOARD}; {_TABLE_1}")),
    "tclnet": Peer("TCLNet", TCLNet, clip_len=4, mars=Figures(85.1, 89.8, _LEADERBOARD)),
    "sinet": Peer("SINet", SINet, clip_len=4, mars=Figures(86.2, 91.0, _README)),
    "sbnet": Peer("SINet", partial(SINet, stage2="none"), clip_len=4, mars=Figures(85.7, 90.2, _README)),
    "idnet": Peer("SINet", partial(SINet, salient=False), clip_len=4, mars=Figures(85.9, 90.5, _README)),
    "sanet": Peer(
        "SINet",
        partial(SINet, stage2="sa", salient=False),
        clip_len=4,
        mars=Figures(86.0, 91.2, _README),
    ),
    "sinet_c2d": Peer("SINet", partial(SINet, stage2="none", salient=False), clip_len=4),
    "psta": Peer("PSTA", PSTA, clip_len=8, mars=Figures(85.8, 91.5, _README)),
    "grl": Peer("GRL", GRL, clip_len=8, mars=Figures(84.8, 91.0, _LEADERBOARD)),
}
