"""Convolutions over three frames, of which the outer two are first registered to the middle one.

Gu, Chang, Ma, Zhang and Chen, "Appearance-preserving 3D convolution for video-based person
re-identification", ECCV 2020. I3D: Carreira and Zisserman, "Quo vadis, action recognition?", CVPR 2017. P3D:
Qiu, Yao and Mei, "Learning spatio-temporal representation with pseudo-3D residual networks", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.layers3d import Conv3d
from stca.models.backbones.resnet2d import initialise
from stca.models.peers.parts.non_local import attend

_SHARPNESS = 4.0
"""Of the softmax over a neighbour's places."""

Wiring = Literal["a", "b", "c"]


class AppearancePreserving(nn.Module):
    """Every frame between its neighbours, both made of what looks like it at each of its places.

    Beyond the clip's ends the neighbours are zero. A gate, the paper's contrastive attention, dims the places
    where nothing of the neighbour fits.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.semantic, self.own, self.moved = (Conv3d(channels, inner, 1, bias=False) for _ in range(3))
        self.gate = Conv3d(inner, 1, 1, bias=False)

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C 3*T h w"]:
        """For every frame: the one before, itself, the one after."""
        looks = F.normalize(self.semantic(x), dim=1)
        before, after = (self._registered(x, looks, by=by) for by in (1, -1))
        return torch.stack((before, x, after), dim=3).flatten(2, 3)

    def _registered(
        self, x: Float[Tensor, "B C T h w"], looks: Float[Tensor, "B D T h w"], *, by: int
    ) -> Float[Tensor, "B C T h w"]:
        query, key, value = (_frames(each) for each in (_SHARPNESS * looks, _shift(looks, by), _shift(x, by)))
        tokens = torch.unflatten(attend(query, key, value), 0, (x.shape[0], x.shape[2]))
        moved = torch.unflatten(tokens.transpose(1, 2), 3, x.shape[3:])
        gate: Tensor = torch.sigmoid(self.gate(self.own(x) * self.moved(moved)))
        return gate * moved


class RegisteredConv3d(Conv3d):
    """AP-I3D: one kernel over three frames, of which the outer two are registered."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, channels, 3, stride=(3, stride, stride), padding=(0, 1, 1), bias=False)
        self.register = AppearancePreserving(channels)

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T i j"]:
        """Register and convolve."""
        return super().forward(self.register(x))


class Pseudo3d(nn.Module):
    """P3D: a kernel over space and one over three frames, S and T.

    Args:
        channels: that come in and go out.
        stride: in space.
        wiring: "a": T(S(x)); "b": S(x) + T(x); "c": S(x) + T(S(x)).
        registered: T sees registered neighbours: AP-P3D.

    """

    def __init__(self, channels: int, stride: int, *, wiring: Wiring, registered: bool) -> None:
        super().__init__()
        self.wiring = wiring
        self.spatial = _conv(channels, (1, 3, 3), stride)
        self.register = AppearancePreserving(channels) if registered else nn.Identity()
        self.temporal = _conv(
            channels, (3, 1, 1), stride if wiring == "b" else 1, frame_step=3 if registered else 1
        )

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T i j"]:
        """As the wiring says."""
        spatial: Tensor = self.spatial(x)
        temporal: Tensor = self.temporal(self.register(x if self.wiring == "b" else spatial))
        return temporal if self.wiring == "a" else spatial + temporal


def _conv(channels: int, kernel: tuple[int, int, int], stride: int, *, frame_step: int = 1) -> Conv3d:
    """Of all frames; with a step of three, of the middle ones of registered triples."""
    padding = (kernel[0] // 2 if frame_step == 1 else 0, kernel[1] // 2, kernel[2] // 2)
    return Conv3d(
        channels, channels, kernel, stride=(frame_step, stride, stride), padding=padding, bias=False
    )


def _shift(x: Float[Tensor, "B C T h w"], by: int) -> Float[Tensor, "B C T h w"]:
    """Frame t - by in place of frame t, zeros where there is none."""
    return F.pad(x, (0, 0, 0, 0, by, -by))


def _frames(x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B*T C h*w"]:
    return x.transpose(1, 2).flatten(0, 1).flatten(2)


_P3D = {
    f"{prefix}p3d{wiring}": partial(Pseudo3d, wiring=wiring, registered=bool(prefix))
    for prefix in ("", "ap_")
    for wiring in ("a", "b", "c")
}
UNITS: dict[str, Callable[[int, int], nn.Module]] = {
    "c2d": lambda channels, stride: _conv(channels, (1, 3, 3), stride),
    "i3d": lambda channels, stride: _conv(channels, (3, 3, 3), stride),
    "ap_i3d": RegisteredConv3d,
    **_P3D,
}
"""From channels and stride in space to what replaces a 3x3 kernel."""


def make_unit(name: str, channels: int, stride: int) -> nn.Module:
    """A key of `UNITS`; where its kernel over time is added to the one over space, it starts at zero."""
    unit = UNITS[name](channels, stride)
    initialise(unit)
    if isinstance(unit, Pseudo3d) and unit.wiring != "a":
        nn.init.zeros_(unit.temporal.weight)
    return unit
