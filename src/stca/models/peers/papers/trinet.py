"""TriNet: ResNet-50 and two fully connected layers on every frame, trained by triplets alone.

Hermans, Beyer and Leibe, "In defense of the triplet loss for person re-identification", 2017.
"""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.heads import IdentityHead
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, resnet50_2d

_HIDDEN, _DIM = 1024, 128


class TriNet(PeerModel):
    """TriNet as its paper describes it: 25.74 M parameters, 128 numbers, the mean over the frames.

    There is no classifier, and the logits are empty: the paper trains by
    `BatchHardTriplet(margin="soft", metric="euclidean")` alone. For tests it also takes five crops of every
    frame and their mirror images, which are not taken here. The paper has no clips; in training on them the
    hidden layer's norm sees all their frames.

    Args:
        num_ids: taken, as all models do, and not used.
        clip_len: frames per clip; the paper sees frames one by one, so any number gives the same.
        options: of all peers; see `PeerModel`.

    """

    system = "TriNet"
    frame_by_frame = True

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width, last_stride=2)
        self.embedding_dim = _DIM
        self.project = nn.Sequential(
            nn.Linear(self.stream2d.channels[-1], _HIDDEN),
            nn.BatchNorm1d(_HIDDEN),
            nn.ReLU(inplace=True),
            nn.Linear(_HIDDEN, _DIM),
        )
        self.head = IdentityHead()

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean of the frames' vectors."""
        frames = self.project(self._frame_maps(clips).mean(dim=(3, 4)).flatten(0, 1))
        return torch.unflatten(frames, 0, clips.shape[:2]).mean(dim=1)

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return each_frame(self.stream2d, clips)
