"""What was recorded of the official networks that the peers must equal, and how results are compared."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stca.models import PEERS, ReIDModel, create_model
from stca.models.peers import SYSTEMS

DATA = Path(__file__).parent / "data" / "peers"
RECORDED = json.loads((DATA / "peers.json").read_text())
TOLERANCE = 1e-4
OFFICIAL = [name for name, peer in PEERS.items() if SYSTEMS[peer.system].code]
"""Those that official code was run of; the others are written from their papers alone."""


def meta(name: str, **options: object) -> ReIDModel:
    """A network without numbers in it."""
    with torch.device("meta"):
        return create_model(name, num_ids=625, **options).eval()


def error(found: Tensor, expected: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    assert found.shape == expected.shape
    return float(np.abs(found.numpy() - expected).max() / np.abs(expected).max())
