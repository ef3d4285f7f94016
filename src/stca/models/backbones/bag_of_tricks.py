"""The strong baseline for image re-identification: ResNet with last stride 1, pooling, BN neck.

Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPRW 2019; its heirs in
fast-reid (He et al., "FastReID: a PyTorch toolbox for general instance re-identification", 2020) add
generalised-mean pooling (Radenovic et al., TPAMI 2018) and non-local blocks (Wang et al., CVPR 2018).
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.resnet2d import Norm, ResNet2d

Source = Literal["strong_baseline", "fastreid"]
SOURCES: tuple[Source, ...] = ("strong_baseline", "fastreid")
Layers = tuple[int, int, int, int]

_GEM_FLOOR = 1e-6


class GeneralisedMean(nn.Module):
    """Mean over places of the p-th power, then the p-th root; p is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, maps: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C"]:
        """Pool over places."""
        return maps.clamp(min=_GEM_FLOOR).pow(self.p).mean(dim=(2, 3)).pow(1 / self.p)


class NonLocal(nn.Module):
    """Every place plus a projection of all places, weighted by the products of their features.

    Args:
        channels: C.
        inner: channels of the products; fast-reid's released networks have 1.

    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.project = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x: Float[Tensor, "N C h w"]) -> Float[Tensor, "N C h w"]:
        """Add what the other places say."""
        query, key, value = (part(x).flatten(2) for part in (self.query, self.key, self.value))
        weight = query.transpose(1, 2) @ key / key.shape[2]
        mixed = value @ weight.transpose(1, 2)
        out: Tensor = self.project(torch.unflatten(mixed, 2, x.shape[2:])) + x
        return out


class BagOfTricks(nn.Module):
    """Images to vectors after the BN neck.

    Args:
        source: whose weights it is for. The two differ in the stem: reid-strong-baseline's plain ResNet has
            no ReLU there; fast-reid's max-pooling has no padding.
        norm: "bn" or "ibn-a".
        layers: blocks per stage; (3, 4, 6, 3) is ResNet-50, (3, 4, 23, 3) ResNet-101.
        gem: generalised-mean pooling in place of the mean.
        non_local: channels inside the non-local blocks behind the last two blocks of stage 2 and the last
            three of stage 3; 0: none.
        dim: D, by a 1x1 convolution before the neck; None: the 2,048 channels of the ResNet.

    """

    def __init__(
        self,
        *,
        source: Source,
        norm: Norm = "bn",
        layers: Layers = (3, 4, 6, 3),
        gem: bool = False,
        non_local: int = 0,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        self.trunk = ResNet2d(layers=layers, norm=norm)
        if source == "fastreid":
            self.trunk.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        elif norm == "bn":
            self.trunk.relu = nn.Identity()  # type: ignore[assignment]
        if non_local:
            self._add_non_local(non_local)
        channels = self.trunk.channels[-1]
        self.pooling = GeneralisedMean() if gem else None
        self.reduce = nn.Linear(channels, dim, bias=False) if dim else nn.Identity()
        self.dim = dim or channels
        self.neck = nn.BatchNorm1d(self.dim)

    def _add_non_local(self, inner: int) -> None:
        for stage, count in ((2, 2), (3, 3)):
            blocks = self.trunk.get_submodule(f"layer{stage}")
            assert isinstance(blocks, nn.Sequential)
            for number in range(len(blocks) - count, len(blocks)):
                blocks[number].add_module("non_local", NonLocal(self.trunk.channels[stage - 1], inner))

    def forward(self, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
        """RGB, ImageNet-normalised."""
        x = self.trunk.stem(images)
        for stage in (1, 2, 3, 4):
            blocks = self.trunk.get_submodule(f"layer{stage}")
            assert isinstance(blocks, nn.Sequential)
            for block in blocks:
                x = block(x)
                for name, part in block.named_children():
                    x = part(x) if name == "non_local" else x
        pooled = x.mean(dim=(2, 3)) if self.pooling is None else self.pooling(x)
        vectors: Tensor = self.neck(self.reduce(pooled))
        return vectors
