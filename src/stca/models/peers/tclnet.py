"""TCLNet: what one frame has shown is erased from the next, so that both together show the whole person.

Hou et al., "Temporal complementary learning for video person re-identification", ECCV 2020. To a ResNet-50 it
adds temporal saliency boosting (TSB) after stage 2 and temporal saliency erasing (TSE) around stage 4, whose
last block exists once for the first and once for the second frame of a segment.
"""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from stca.models.heads import BNNeck, ReIDOutput
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import resnet50_2d, stage_of

_SEGMENT = 2
"""Frames per segment; the authors' network has a branch for each."""
_ERASED_ROWS = 3
_SHARPNESS = 5.0


class SaliencyBoosting(nn.Module):
    """Adds to every frame what the other frames of the clip show where they look like it (TSB)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(channels, channels), nn.BatchNorm1d(channels))

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T C h w"]:
        """Boost."""
        count, frames, places = *maps.shape[:2], maps[0, 0, 0].numel()
        query = F.normalize(maps.mean(dim=(3, 4)), dim=2)
        values = maps.transpose(1, 2).flatten(2)
        score = _SHARPNESS * (query @ self._keys(maps).transpose(1, 2).flatten(2))
        own = torch.eye(frames, dtype=torch.bool, device=maps.device).repeat_interleave(places, dim=1)
        weight = score.float().masked_fill(own, -1e8).softmax(dim=2).to(maps)
        added = self.project((weight @ values.transpose(1, 2)).flatten(0, 1))
        return maps + torch.unflatten(added, 0, (count, frames))[..., None, None]

    def _keys(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T C h w"]:
        """Means of 2 x 2 places, the last of which is a key's own; zeros where there is none."""
        means = F.avg_pool2d(maps.flatten(0, 1), 2, stride=1, padding=1)[..., :-1, :-1]
        return torch.unflatten(F.normalize(means, dim=1), 0, maps.shape[:2])


class SaliencyErasing(nn.Module):
    """A segment's first frame through a stage; then its second, without the rows like the first (TSE).

    Args:
        stage: stage 4 of a ResNet: its last block is doubled, the others are shared.
        channels: of the stage's input.
        out: of its output.

    """

    def __init__(self, stage: nn.Sequential, channels: int, out: int) -> None:
        super().__init__()
        *shared, last = stage
        self.shared = nn.Sequential(*shared)
        self.branches = nn.ModuleList([last, copy.deepcopy(last)])
        self.reduce = nn.Linear(out, channels, bias=False)
        self.project = nn.Sequential(nn.Linear(channels, channels), nn.BatchNorm1d(channels))

    def forward(self, maps: Float[Tensor, "N 2 C h w"]) -> list[Float[Tensor, "N D i j"]]:
        """The maps of the first and of the second frame."""
        first, second = maps.unbind(dim=1)
        everything = torch.ones_like(first[:, 0], dtype=torch.bool)
        found = self.branches[0](self.shared(self._erase(first, everything, first.new_ones(()))))
        salient = self._saliency(found, second)
        kept = self.kept(salient)
        return [found, self.branches[1](self.shared(self._erase(second, kept, salient)))]

    def kept(self, saliency: Float[Tensor, "N h w"]) -> Bool[Tensor, "N h w"]:
        """All places but those of the three neighbouring rows that are most salient."""
        ones = saliency.new_ones(1, 1, _ERASED_ROWS)
        rows = F.conv1d(saliency.mean(dim=2).unsqueeze(1), ones, padding=_ERASED_ROWS // 2).squeeze(1)
        worst = rows.argmax(dim=1, keepdim=True)
        row = torch.arange(saliency.shape[1], device=saliency.device)
        kept: Tensor = (row - worst).abs() > _ERASED_ROWS // 2
        return kept.unsqueeze(2).expand_as(saliency)

    def _saliency(
        self, found: Float[Tensor, "N D i j"], maps: Float[Tensor, "N C h w"]
    ) -> Float[Tensor, "N h w"]:
        """How alike each place is to what was found in the frame before."""
        vector = self.reduce(found.mean(dim=(2, 3))).unsqueeze(1)
        scores = (vector @ maps.flatten(2)).squeeze(1) / maps.shape[1] ** 0.5
        return torch.unflatten(scores, 1, maps.shape[2:])

    def _erase(
        self, maps: Float[Tensor, "N C h w"], kept: Bool[Tensor, "N h w"], scores: Tensor
    ) -> Float[Tensor, "N C h w"]:
        """Erase, and add to all places a vector from those that are kept."""
        scores = scores.expand_as(kept).float().masked_fill(~kept, -1e8)
        weight = scores.flatten(1).softmax(dim=1).to(maps)
        seen = (maps.flatten(2) @ weight.unsqueeze(2)).squeeze(2)
        added: Tensor = self.project(seen)
        return maps * kept.unsqueeze(1) + added[..., None, None]


class TwoHalves(nn.Module):
    """A neck and a classifier for each half of the vector; the embedding is both halves at length one.

    The logits are the mean of those of the two classifiers, which the authors train each by itself: `halves`.
    """

    def __init__(self, dim: int, num_ids: int) -> None:
        super().__init__()
        self.first, self.second = (BNNeck(dim, num_ids, shift=True) for _ in range(_SEGMENT))

    def forward(self, pooled: Float[Tensor, "B D"]) -> ReIDOutput:
        """Norms, lengths, classifiers."""
        halves = self.halves(pooled)
        embedding = torch.cat([F.normalize(half.embedding, dim=1) for half in halves], dim=1)
        return ReIDOutput(pooled, embedding, torch.stack([half.logits for half in halves]).mean(dim=0))

    def halves(self, pooled: Float[Tensor, "B D"]) -> list[ReIDOutput]:
        """Of the segments' first and second frames; the embeddings have their lengths."""
        first, second = pooled.chunk(_SEGMENT, dim=1)
        return [self.first(first), self.second(second)]


class TCLNet(PeerModel):
    """TCLNet as its authors published it.

    The vector has 4,096 numbers: means over the segments' first frames and over their second frames.

    Args:
        num_ids: identities the classifiers know.
        clip_len: frames per clip, an even number; the published network sees 4.
        options: of all peers; see `PeerModel`.

    """

    system = "TCLNet"
    frames_multiple = _SEGMENT
    copies = MappingProxyType(
        {
            "layer4.0": ("erasing.shared.0",),
            "layer4.1": ("erasing.shared.1",),
            "layer4.2": ("erasing.branches.0", "erasing.branches.1"),
        }
    )

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width)
        channels = self.stream2d.channels
        self.embedding_dim = _SEGMENT * channels[3]
        self.boosting = SaliencyBoosting(channels[1])
        self.erasing = SaliencyErasing(stage_of(self.stream2d, 4), *channels[2:])
        del self.stream2d.layer4
        self.head = TwoHalves(channels[3], num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Clips to one pooled vector each."""
        maps = self.stream2d.stages(self.stream2d.stem(clips.flatten(0, 1)), 1, 2)
        maps = self.boosting(torch.unflatten(maps, 0, clips.shape[:2]))
        maps = self.stream2d.stages(maps.flatten(0, 1), 3, 3)
        found = self.erasing(torch.unflatten(maps, 0, (-1, _SEGMENT)))
        frames = torch.cat([part.amax(dim=(2, 3)) for part in found], dim=1)
        return torch.unflatten(frames, 0, (clips.shape[0], -1)).mean(dim=1)
