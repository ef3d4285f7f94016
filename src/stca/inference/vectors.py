"""The inference part of a model, from frames to one vector per clip, and folding of batch norms."""

from __future__ import annotations

import copy
import itertools

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from stca.clips import normalise
from stca.inference.names import Neck
from stca.models import ReIDModel, ReIDOutput
from stca.models.backbones.resnet2d import IBN, Bottleneck2d, ResNet2d
from stca.models.backbones.resnet3d import Bottleneck3d, ResNet3d
from stca.models.heads import BNNeck

_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


class VectorNet(nn.Module):
    """Pixels to vectors: normalisation, trunk, and the neck's norm; no classifier.

    Args:
        model: what to run; it is shared, not copied, and set to evaluation.
        neck: "after" the BN neck, or "before" it.

    """

    def __init__(self, model: ReIDModel, *, neck: Neck = "after") -> None:
        super().__init__()
        self.model, self.neck = model.eval(), neck

    def forward(self, frames: UInt8[Tensor, "B T H W 3"]) -> Float[Tensor, "B D"]:
        """One vector per clip, float32."""
        pooled = self.model.features(normalise(frames)).float()
        head = self.model.head
        if self.neck == "before":
            return pooled
        # Other heads do more between than a norm: their embedding is what the model itself gives.
        if isinstance(head, BNNeck):
            # With a dimension of length 1, or OpenVINO (2026) moves the norm's scale before a maximum over
            # space, which is wrong where it is negative.
            vectors: Tensor = head.norm(pooled[:, :, None])[:, :, 0]
        else:
            found = head(pooled)
            vectors = found.embedding if isinstance(found, ReIDOutput) else found
        return vectors


def fold_norms(model: ReIDModel) -> ReIDModel:
    """A copy of the model whose convolutions do what the batch norms behind them did.

    Folded are the norms of ResNets and their blocks, and in every `nn.Sequential` those right behind a
    convolution (C3D, projections). Where half of a norm is instance norm (IBN-a), its other half is folded.
    Others stay: of the neck, of the gate, behind several kernels (P3D), of a network of your own. Outputs
    differ by rounding only.
    """
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        if isinstance(module, Bottleneck2d | Bottleneck3d):
            for number in (1, 2, 3):
                if isinstance(module.get_submodule(f"conv{number}"), nn.Conv2d | nn.Conv3d):
                    _fold(module, f"conv{number}", f"bn{number}")
        elif isinstance(module, ResNet2d | ResNet3d):
            _fold(module, "conv1", "bn1")
        elif isinstance(module, nn.Sequential):
            for (conv, first), (norm, second) in itertools.pairwise(list(module.named_children())):
                if isinstance(first, nn.Conv2d | nn.Conv3d) and isinstance(second, _NORMS):
                    _fold(module, conv, norm)
    return folded


def _fold(parent: nn.Module, conv_name: str, norm_name: str) -> None:
    conv, norm = parent.get_submodule(conv_name), parent.get_submodule(norm_name)
    assert isinstance(conv, nn.Conv2d | nn.Conv3d)
    if isinstance(norm, IBN):
        assert conv.bias is None
        weight, bias = conv.weight.data, torch.zeros(conv.out_channels, device=conv.weight.device)
        half, half_bias = _folded(weight[norm.split :], None, norm.BN)
        weight, bias = torch.cat((weight[: norm.split], half)), torch.cat((bias[: norm.split], half_bias))
        norm.BN = nn.Identity()  # type: ignore[assignment]
    else:
        assert isinstance(norm, _NORMS)
        weight, bias = _folded(conv.weight.data, conv.bias, norm)
        setattr(parent, norm_name, nn.Identity())
    format_ = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
    conv.weight = nn.Parameter(weight.contiguous(memory_format=format_), requires_grad=False)
    conv.bias = nn.Parameter(bias, requires_grad=False)


def _folded(
    weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d | nn.BatchNorm3d
) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    kernel, shift = fuse_conv_bn_weights(
        weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return kernel.data, shift.data
