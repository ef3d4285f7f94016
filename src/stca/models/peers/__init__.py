"""The systems of the paper's table 1, and their relatives.

Every network is written here from its paper. Those whose `System` names an official code are equal to it in
numbers: they are checked against outputs that it returned on weights and clips by formula
(`tests/models/peers`), and `load_weights` reads its checkpoints. Those in `papers` have none to compare with.
"""

from __future__ import annotations

from functools import partial

from stca.models.peers.ap3d import AP3D
from stca.models.peers.bicnet import BiCnetTKS
from stca.models.peers.cosam import CoSAM
from stca.models.peers.grl import GRL
from stca.models.peers.nvan import NVAN
from stca.models.peers.papers import PAPER_PEERS
from stca.models.peers.parts.model import PeerModel
from stca.models.peers.psta import PSTA
from stca.models.peers.revisit_tempool import RevisitTempool
from stca.models.peers.sinet import SINet
from stca.models.peers.stmn import STMN
from stca.models.peers.table import SYSTEMS, TABLE_1, Figures, Peer, System
from stca.models.peers.tclnet import TCLNet

__all__ = ["PEERS", "SYSTEMS", "Figures", "Peer", "PeerModel", "System"]

_README = "README of the official code"
_LEADERBOARD = "github.com/AsuradaYuci/awesome_video_person_reid"

PEERS: dict[str, Peer] = {
    "resnet50tp": Peer(
        "RevisitTempool",
        partial(RevisitTempool, aggregation="tp"),
        clip_len=4,
        image_size=(224, 112),
        mars=Figures(75.8, 83.1, f"{_README}; {TABLE_1}"),
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
    "resnet50_cosam45_tp": Peer("coSAM", partial(CoSAM, aggregation="tp"), clip_len=4),
    "resnet50_cosam45_ta": Peer("coSAM", partial(CoSAM, aggregation="ta"), clip_len=4),
    "resnet50_cosam45_rnn": Peer("coSAM", partial(CoSAM, aggregation="rnn"), clip_len=4),
    "se_resnet50_cosam45_tp": Peer(
        "coSAM",
        partial(CoSAM, aggregation="tp", se=True),
        clip_len=4,
        mars=Figures(79.9, 84.9, TABLE_1),
        duke=Figures(94.1, 95.4, TABLE_1),
    ),
    "se_resnet50_cosam45_ta": Peer("coSAM", partial(CoSAM, aggregation="ta", se=True), clip_len=4),
    "se_resnet50_cosam45_rnn": Peer("coSAM", partial(CoSAM, aggregation="rnn", se=True), clip_len=4),
    "nvan_baseline": Peer(
        "NVAN", partial(NVAN, non_local=False), clip_len=8, mars=Figures(79.4, 87.4, _README)
    ),
    "nvan": Peer(
        "NVAN",
        NVAN,
        clip_len=8,
        mars=Figures(82.8, 90.0, f"{_README}; {TABLE_1}"),
        duke=Figures(94.9, 96.3, TABLE_1),
    ),
    "nvan_stripe": Peer("NVAN", partial(NVAN, stripes=True), clip_len=8),
    "nvan_hierarchical": Peer("NVAN", partial(NVAN, halving=True), clip_len=8),
    "ste_nvan": Peer(
        "NVAN",
        partial(NVAN, stripes=True, halving=True, in_pairs=True),
        clip_len=8,
        mars=Figures(81.2, 88.9, _LEADERBOARD),
    ),
    "ap3dres50": Peer(
        "AP3D",
        partial(AP3D, unit="ap_p3dc"),
        clip_len=4,
        mars=Figures(85.1, 90.1, TABLE_1),
        duke=Figures(95.6, 96.3, TABLE_1),
        ilids=86.7,
    ),
    "ap3dnlres50": Peer(
        "AP3D",
        partial(AP3D, unit="ap_p3dc", non_local=True),
        clip_len=4,
        mars=Figures(85.6, 90.7, _LEADERBOARD),
    ),
    **{
        f"ap3d_{unit}": Peer("AP3D", partial(AP3D, unit=unit), clip_len=4)
        for unit in ("c2d", "i3d", "p3da", "p3db", "p3dc", "ap_i3d", "ap_p3da", "ap_p3db")
    },
    "ap3d_nl_c2d": Peer("AP3D", partial(AP3D, unit="c2d", non_local=True), clip_len=4),
    "bicnet_tks": Peer(
        "BiCnet-TKS",
        BiCnetTKS,
        clip_len=8,
        mars=Figures(86.0, 90.2, f"{_LEADERBOARD}; {TABLE_1}"),
        duke=Figures(96.1, 96.3, TABLE_1),
    ),
    "stmn": Peer(
        "STMN",
        STMN,
        clip_len=6,
        mars=Figures(84.5, 90.5, f"{_LEADERBOARD}; {TABLE_1}"),
        duke=Figures(95.2, 97.0, TABLE_1),
    ),
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
    **PAPER_PEERS,
}
