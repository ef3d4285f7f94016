"""The base class of all models, its outputs, and the heads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.errors import ConfigError


class ReIDOutput(NamedTuple):
    """`pooled` feeds the triplet and centre losses, `logits` the ID loss, `embedding` the ranking."""

    pooled: Float[Tensor, "B D"]
    embedding: Float[Tensor, "B D"]
    logits: Float[Tensor, "B num_ids"]


class BNNeck(nn.Module):
    """Batch norm without shift, then a classifier without bias (Luo et al., "Bag of tricks", 2019).

    Args:
        dim: D.
        num_ids: identities the classifier knows.
        shift: learn the norm's shift and the classifier's bias as well, as older systems do.

    """

    def __init__(self, dim: int, num_ids: int, *, shift: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.norm.bias.requires_grad_(shift)
        self.classifier = _classifier(dim, num_ids, bias=shift)

    def forward(self, pooled: Float[Tensor, "B D"]) -> ReIDOutput:
        """Embedding after the norm, one logit per identity."""
        embedding = self.norm(pooled)
        return ReIDOutput(pooled, embedding, self.classifier(embedding))


class LinearHead(nn.Module):
    """A classifier alone, with bias: the pooled vector is the embedding."""

    def __init__(self, dim: int, num_ids: int) -> None:
        super().__init__()
        self.classifier = _classifier(dim, num_ids, bias=True)

    def forward(self, pooled: Float[Tensor, "B D"]) -> ReIDOutput:
        """The same vector twice, one logit per identity."""
        return ReIDOutput(pooled, pooled, self.classifier(pooled))


def _classifier(dim: int, num_ids: int, *, bias: bool) -> nn.Linear:
    linear = nn.Linear(dim, num_ids, bias=bias)
    nn.init.normal_(linear.weight, std=0.001)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear


class IdentityHead(nn.Module):
    """A head without classifier: the pooled vector is the embedding."""

    def forward(self, pooled: Float[Tensor, "B D"]) -> ReIDOutput:
        """The same vector twice, and no logits."""
        return ReIDOutput(pooled, pooled, pooled.new_zeros(len(pooled), 0))


@dataclass(frozen=True)
class ModelSpec:
    """Name and options of a model, saved with its weights to build it again."""

    name: str
    num_ids: int
    image_size: tuple[int, int]
    options: dict[str, object] = field(default_factory=dict)


class ReIDModel(nn.Module):
    """From clips (B, T, 3, H, W) to a `ReIDOutput`; a subclass says how by `features`.

    Forward is in two halves, `features` and `head`, so that training can compute the first in pieces and
    the second, with the losses, over the whole batch.
    """

    head: nn.Module
    spec: ModelSpec
    embedding_dim: int
    trainable: bool = True
    """False for models that have nothing to learn."""
    exportable: bool = True
    """False for models that are no PyTorch network inside, which no other runtime could take."""
    frame_by_frame: bool = False
    """True for models whose vector of a clip is the mean of the vectors of its frames, each by itself."""
    computed_by: str = ""
    """Precision, library and device, where PyTorch does not compute the vectors."""

    def __init__(self, *, image_size: tuple[int, int], clip_len: int = 8) -> None:
        super().__init__()
        self.image_size = image_size
        self.clip_len = clip_len
        """Frames per clip the model was made or trained for; any other works as well."""

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Clips to one pooled vector each."""
        raise NotImplementedError

    def prepare_for(self, device: torch.device) -> None:
        """Called before vectors are computed on `device`, for models that do not compute in PyTorch."""

    def frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        """The last 2D feature map of every frame.

        Raises:
            ConfigError: clips of another image size, or a model that has no 2D stream.

        """
        self.check_clips(clips)
        return self._frame_maps(clips)

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        raise ConfigError(
            "This model has no 2D feature maps",
            expected="a model with a 2D stream, e.g. stca or cnn2d",
            found=type(self).__name__,
        )

    def forward(self, clips: Float[Tensor, "B T 3 H W"]) -> ReIDOutput:
        """Float32 clips, RGB, ImageNet-normalised, of the model's own image size.

        Raises:
            ConfigError: clips of another image size.

        """
        self.check_clips(clips)
        output: ReIDOutput = self.head(self.features(clips))
        return output

    def check_clip_len(self, clip_len: int) -> None:
        """Raise ConfigError where the network takes no clips of so many frames; most take any number."""

    def check_clips(self, clips: Tensor) -> None:
        """Raise ConfigError where `clips` is not (B, T, 3, *image_size), or has a T that does not fit."""
        height, width = self.image_size
        if clips.ndim != 5 or tuple(clips.shape[2:]) != (3, height, width):
            raise ConfigError(
                "These clips do not fit this model",
                expected=f"(B, T, 3, {height}, {width})",
                found=tuple(clips.shape),
                hint="resize the frames, or create the model with that image_size",
            )
        self.check_clip_len(clips.shape[1])
