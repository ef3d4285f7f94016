"""Every peer, so small that it trains a step in a tenth of a second."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from stca.losses import AUTHORS, ReIDObjective
from stca.models import PEERS, ReIDModel, create_model

REPRESENTATIVES = tuple(
    next(name for name in PEERS if PEERS[name].system == system)
    for system in dict.fromkeys(peer.system for peer in PEERS.values())
)
"""One per system; the others of a system differ from it in parts that are tested at full size."""


def every_peer(fast: Sequence[str]) -> list[object]:
    """All, for `parametrize`; those beside `fast` are slow in their sum only."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in PEERS]


def size_of(name: str) -> tuple[int, int]:
    """BiCnet-TKS takes multiples of 64 pixels."""
    return (64, 64) if PEERS[name].system == "BiCnet-TKS" else (64, 32)


def frames_of(name: str) -> int:
    """Of a clip: as few as all variants take."""
    return 8 if PEERS[name].system == "PSTA" else 4


def small_peer(name: str, *, num_ids: int = 4, width: int = 4) -> ReIDModel:
    torch.manual_seed(0)
    return create_model(
        name,
        num_ids=num_ids,
        image_size=size_of(name),
        clip_len=frames_of(name),
        layers=(1, 2, 2, 1),
        width=width,
    )


def clips_for(name: str, count: int = 8) -> Tensor:
    return torch.randn(count, frames_of(name), 3, *size_of(name), generator=torch.Generator().manual_seed(1))


def objective_for(name: str, model: ReIDModel, **settings: float) -> ReIDObjective:
    """That of its authors, with the same centres every time."""
    torch.manual_seed(2)
    return AUTHORS.get(PEERS[name].system, ReIDObjective)(model.spec.num_ids, model.embedding_dim, **settings)
