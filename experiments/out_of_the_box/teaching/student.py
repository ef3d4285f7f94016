"""The network that learns: MobileNetV2 from ImageNet weights, and an end like the teacher's."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from experiments.out_of_the_box.making.pictures import shrink
from experiments.out_of_the_box.teaching.teachers import Teacher
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from stca.clips.transforms import normalise
from stca.models import ReIDModel, create_model, load_weights


@functools.cache
def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself; training is then about twice as fast."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.cpu._is_avx512_bf16_supported()


SIZE = (192, 96)
"""(H, W) of the pictures that it reads."""


def create_student(shared: Path, teacher: Teacher) -> ReIDModel:
    """`cnn2d_mobile` with ImageNet weights in its trunk, and the teacher's last layers to start from."""
    model = create_model("cnn2d_mobile", num_ids=1, image_size=SIZE)
    load_weights(model, shared / "weights/imagenet_mobilenetv2.pt")
    space = model.get_submodule("space")
    with torch.no_grad():
        space.weight.copy_(on_grid(teacher.places, space.weight.shape[1:]))
        space.linear.weight.copy_(teacher.linear)
        space.linear.bias.copy_(teacher.shift)
        norm = model.get_submodule(
            "stream2d.layer4.4.1"
        )  # the teacher's maps are small, and zero in most places
        norm.weight.fill_(0.2)
        norm.bias.fill_(-0.1)
    return model


def on_grid(weights: Float[Tensor, "C h w"], grid: Sequence[int]) -> Float[Tensor, "C i j"]:
    """Weights of places for a map of another size, whose weighted sum is about the same."""
    scale = weights.shape[1] * weights.shape[2] / (grid[0] * grid[1])
    return F.interpolate(weights[None], tuple(grid), mode="area")[0] * scale


def vectors_and_shares(
    model: ReIDModel, pictures: UInt8[Tensor, "B h w 3"]
) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D h w"]]:
    """The student's vectors of pictures of its own size, and what each place adds to them."""
    space: nn.Module = model.get_submodule("space")
    with torch.autocast("cpu", torch.bfloat16, enabled=model.training and has_bf16()):
        maps = model.get_submodule("stream2d")(normalise(pictures[:, None])[:, 0])
    maps = maps.float()
    weighed = maps * space.weight
    shares = torch.einsum("dc,bchw->bdhw", space.linear.weight, weighed)
    return shares.sum(dim=(2, 3)) + space.linear.bias, shares


def frame_vectors(model: ReIDModel, pictures: UInt8[np.ndarray, "N H W 3"]) -> Float[Tensor, "N D"]:
    """The vectors of pictures of any size."""
    with torch.no_grad():
        return vectors_and_shares(model, torch.from_numpy(shrink(pictures, model.image_size)))[0]
