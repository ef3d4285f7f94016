"""STMN: memories of what distracts, in space, and of which frames count, in time.

Eom et al., "Video-based person re-identification with spatial and temporal memory networks", ICCV 2021. To a
ResNet-50 it adds two more copies of stage 4, whose outputs ask the two memories. What the authors' code does
and the paper does not say is marked "code".
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from types import MappingProxyType
from typing import NamedTuple, Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.resnet2d import Bottleneck2d
from stca.models.heads import BNNeck, ReIDOutput
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import resnet50_2d, stage_of

_SPATIAL_SLOTS, _TEMPORAL_SLOTS = 10, 5


class STMNParts(NamedTuple):
    """What STMN's losses in training see: of frames, of clips, and how the memories were read."""

    frames: ReIDOutput
    clips: ReIDOutput
    spatial_match: Float[Tensor, "N slots"]
    temporal_match: Float[Tensor, "B slots"]


class Memory(nn.Module):
    """Slots with a key and a value each.

    Args:
        slots: how many.
        dim: of the keys.
        value_dim: of the values.

    """

    def __init__(self, slots: int, dim: int, value_dim: int) -> None:
        super().__init__()
        self.key = nn.Parameter(torch.randn(slots, dim))
        self.val = nn.Parameter(torch.randn(slots, value_dim))

    def forward(self, query: Float[Tensor, "N D"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N slots"]]:
        """What is read, and the share that each slot has in it.

        Code: the keys' matrix is normalised over the slots, per dimension, not key by key.
        """
        match = (F.normalize(query, dim=1) @ F.normalize(self.key, dim=0).T).softmax(dim=1)
        return match @ self.val, match


class SpatialMemory(Memory):
    """Subtracts from a map what the memory knows to distract."""

    def __init__(self, slots: int, dim: int) -> None:
        super().__init__(slots, dim, dim)
        self.norm = nn.BatchNorm1d(dim)

    def refine(
        self, maps: Float[Tensor, "N C h w"], keys: Float[Tensor, "N C h w"]
    ) -> tuple[Float[Tensor, "N C h w"], Float[Tensor, "M slots"]]:
        """Code: a query is C numbers of `keys` in a row, of a few channels at all places."""
        channels = maps.shape[1]
        read, match = self(keys.reshape(-1, channels))
        return maps - self.norm(read).reshape(maps.shape), match


class TemporalMemory(Memory):
    """Weighs frames as the memory knows for clips like this one."""

    def __init__(self, slots: int, dim: int, clip_len: int) -> None:
        super().__init__(slots, dim, clip_len)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)

    def weights(self, keys: Float[Tensor, "B T D"]) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B slots"]]:
        """Of the frames; they sum to one. In float32, as `TemporalLSTM`."""
        with nullcontext() if keys.is_meta else torch.autocast(keys.device.type, enabled=False):
            outputs, _ = self.lstm(keys.float())
            read, match = self(outputs[:, -1])
        return read.softmax(dim=1), match


class STMN(PeerModel, clip_len=6):
    """STMN as its authors published it.

    The vector is the weighted mean of the frames' refined vectors. In training the authors also classify
    the frames' vectors: see `parts`. Their test code takes the mean over all clips and their mirror images.

    Args:
        num_ids: identities the classifiers know.
        clip_len: frames per clip; the temporal memory fits no other number. The published network sees 6.
        options: of all peers; see `PeerModel`.

    """

    system = "STMN"
    copies = MappingProxyType({"layer4": ("value_stage", "spatial_key_stage", "temporal_key_stage")})

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.frames_fixed = self.clip_len
        self.stream2d = resnet50_2d(self.layers, self.width, stem_relu=False)  # code
        self.embedding_dim = dim = self.stream2d.channels[-1]
        self.value_stage = stage_of(self.stream2d, 4)
        del self.stream2d.layer4
        self.spatial_key_stage = copy.deepcopy(self.value_stage)
        self.temporal_key_stage = copy.deepcopy(self.value_stage)
        self.spatial = SpatialMemory(_SPATIAL_SLOTS, dim)
        self.temporal = TemporalMemory(_TEMPORAL_SLOTS, dim, self.clip_len)
        self.frame_head = BNNeck(dim, num_ids)
        self.head = BNNeck(dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Refine the frames, weigh them, add them up."""
        return self.readings(clips)[1]

    def parts(self, clips: Float[Tensor, "B T 3 H W"]) -> STMNParts:
        """What the authors' losses see."""
        self.check_clips(clips)
        frames, pooled, spatial, temporal = self.readings(clips)
        return STMNParts(self.frame_head(frames), self.head(pooled), spatial, temporal)

    def readings(self, clips: Float[Tensor, "B T 3 H W"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Vectors of frames (B * T, D) and of clips, and both memories' matches: what `parts` classifies."""
        maps = self.stream2d.stages(self.stream2d.stem(clips.flatten(0, 1)), 1, 3)
        refined, spatial = self.spatial.refine(
            self.value_stage(maps), _without_last_relu(self.spatial_key_stage, maps)
        )
        frames = refined.mean(dim=(2, 3))
        keys = _without_last_relu(self.temporal_key_stage, maps).mean(dim=(2, 3))
        weights, temporal = self.temporal.weights(torch.unflatten(keys, 0, clips.shape[:2]))
        pooled = torch.einsum("bt,btd->bd", weights, torch.unflatten(frames, 0, clips.shape[:2]))
        return frames, pooled, spatial, temporal


def _without_last_relu(stage: nn.Sequential, maps: Tensor) -> Tensor:
    *blocks, last = stage
    for block in blocks:
        maps = block(maps)
    assert isinstance(last, Bottleneck2d)
    return last.before_relu(maps)
