"""GRL: places that agree with the whole clip, and places that do not, each followed through time.

Liu et al., "Watching you: Global-guided reciprocal learning for video-based person re-identification",
CVPR 2021. To a ResNet-50 it adds a map of correlation with the clip's mean (GCE), memories that run through
the clip in both directions (TRL), and a pooling by self-attention over frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Unpack

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.heads import IdentityHead
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, resnet50_2d


class GRLParts(NamedTuple):
    """The vectors that the embedding joins, of length one, and how well each place agrees with the clip."""

    uncorrelated: Float[Tensor, "B D"]
    frames: Float[Tensor, "B T D"]
    attended: Float[Tensor, "B D"]
    correlation: Float[Tensor, "B T h w"]


class CorrelationMap(nn.Module):
    """How well each place agrees with the mean of the clip, from 0 to 1 (GCE)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = channels // 2
        self.clip = nn.Sequential(nn.Linear(channels, middle), nn.BatchNorm1d(middle), nn.ReLU(inplace=True))
        self.score = nn.Sequential(
            nn.Conv2d(channels + middle, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.Conv2d(middle, middle // 4, 1, bias=False),
            nn.BatchNorm2d(middle // 4),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle // 4, 1, 1, bias=False),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )

    def forward(self, maps: Float[Tensor, "B T C h w"]) -> Float[Tensor, "B T 1 h w"]:
        """One map per frame."""
        clip = self.clip(maps.mean(dim=(1, 3, 4)))[:, None, :, None, None]
        clip = clip.expand(-1, maps.shape[1], -1, *maps.shape[3:])
        score = self.score(torch.cat((maps, clip), dim=2).flatten(0, 1))
        return torch.unflatten(score, 0, maps.shape[:2])


class MemoryUpdate(nn.Module):
    """A bottleneck of 1x1 convolutions over the sum of a memory and a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 4
        self.conv1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, hidden, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.conv3 = nn.Conv2d(hidden, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(
        self, memory: Float[Tensor, "B C h w"], maps: Float[Tensor, "B C h w"]
    ) -> Float[Tensor, "B C h w"]:
        """The memory after it has seen the maps."""
        total = memory + maps
        x = torch.relu(self.bn1(self.conv1(total)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(total + self.bn3(self.conv3(x)))


class Direction(nn.Module):
    """One direction through time (TRL): a memory of what does not agree weighs the channels of what does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.update = MemoryUpdate(channels)
        self.of_memory = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True))
        self.of_frame = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True))
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // 16, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // 16, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(
        self,
        correlated: Sequence[Float[Tensor, "B C h w"]],
        uncorrelated: Sequence[Float[Tensor, "B C h w"]],
        memory: Float[Tensor, "B C h w"],
    ) -> tuple[list[Float[Tensor, "B C"]], Float[Tensor, "B C"]]:
        """A vector per frame in the order given, and what the memory holds at the end."""
        vectors = []
        for frame, other in zip(correlated, uncorrelated, strict=True):
            difference = (self.of_memory(memory) - self.of_frame(frame)).square().mean(dim=(2, 3))
            vectors.append((frame * self.gate(difference)[..., None, None] + frame).mean(dim=(2, 3)))
            memory = self.update(memory, other)
        return vectors, memory.mean(dim=(2, 3))


class SelfAttentionPool(nn.Module):
    """The sum over all frames of what each collects from all: length one."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.key = (
            nn.Sequential(nn.Linear(dim, dim // 4), nn.BatchNorm1d(dim // 4)) for _ in range(2)
        )

    def forward(self, frames: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Clips to one vector each."""
        query, key = (
            F.normalize(torch.unflatten(part(frames.flatten(0, 1)), 0, frames.shape[:2]), dim=2)
            for part in (self.query, self.key)
        )
        weight = (query @ key.transpose(1, 2)).softmax(dim=2)
        return F.normalize((weight @ frames).sum(dim=1), dim=1)


class Verification(nn.Module):
    """Whether two clips show the same person, from the squared difference of their vectors.

    Only training asks; the authors' checkpoints have one more layer, which nothing asks.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.classifier = nn.Linear(dim, 2)
        self.unused = nn.Sequential(nn.Linear(dim, dim // 4), nn.BatchNorm1d(dim // 4)).requires_grad_(False)

    def forward(self, a: Float[Tensor, "P D"], b: Float[Tensor, "P D"]) -> Float[Tensor, "P 2"]:
        """Logits of "another person" and "the same person"."""
        logits: Tensor = self.classifier(self.norm((a - b).square()))
        return logits


class GRL(PeerModel, clip_len=8):
    """GRL as its authors published it.

    The embedding has three parts of 2,048 numbers: what does not agree with the whole clip; the frames'
    vectors of what does, pooled by self-attention; and their mean. The first two have length one. There is no
    classifier, and the logits are empty: the authors train by online instance matching and by pairs
    (`parts`, `verification`, `stca.losses`).

    Args:
        num_ids: taken, as all models do, and not used.
        options: of all peers; see `PeerModel`.

    """

    system = "GRL"

    def __init__(self, *, num_ids: int, **options: Unpack[PeerOptions]) -> None:
        super().__init__(**options)
        self.stream2d = resnet50_2d(self.layers, self.width)
        channels = self.stream2d.channels[-1]
        self.embedding_dim = 3 * channels
        self.correlation = CorrelationMap(channels)
        self.forwards, self.backwards = Direction(channels), Direction(channels)
        self.correlated_norm, self.uncorrelated_norm = nn.BatchNorm1d(channels), nn.BatchNorm1d(channels)
        self.pool = SelfAttentionPool(channels)
        self.verification = Verification(channels)
        self.head = IdentityHead()

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """The three parts of the embedding, joined."""
        parts = self._parts(clips)
        return torch.cat((parts.uncorrelated, parts.attended, parts.frames.mean(dim=1)), dim=1)

    def parts(self, clips: Float[Tensor, "B T 3 H W"]) -> GRLParts:
        """What the authors' losses see, and the map."""
        self.check_clips(clips)
        return self._parts(clips)

    def _parts(self, clips: Float[Tensor, "B T 3 H W"]) -> GRLParts:
        maps = each_frame(self.stream2d, clips)
        agrees = self.correlation(maps)
        correlated, uncorrelated = (maps * agrees).unbind(1), (maps * (1 - agrees)).unbind(1)
        memory = torch.stack(uncorrelated).mean(dim=0)
        ahead, end = self.forwards(correlated, uncorrelated, memory)
        back, start = self.backwards(correlated[::-1], uncorrelated[::-1], memory)
        frames = torch.stack(ahead, dim=1) + torch.stack(back[::-1], dim=1)
        frames = torch.unflatten(self.correlated_norm(frames.flatten(0, 1)), 0, clips.shape[:2])
        frames = F.normalize(frames, dim=2)
        rest = F.normalize(self.uncorrelated_norm(end + start), dim=1)
        return GRLParts(rest, frames, self.pool(frames), agrees.squeeze(2))
