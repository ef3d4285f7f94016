"""The person detector that learns: MobileNetV2 from ImageNet weights, and one map of boxes at an eighth.

Every place of the map says how likely the middle of a person is there, and how far the four sides are, as in
Zhou et al., "Objects as points" (2019), and Tian et al., "FCOS" (ICCV 2019).
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stca.footage.images import IMAGENET_MEAN, IMAGENET_STD
from stca.models import create_model, load_weights
from stca.models.backbones.mobilenet import MobileNetV2, conv_norm

SIZE = (320, 416)
"""(H, W) of the pictures that it reads, letterboxed: wide and 4:3 frames both fill most of it."""
STRIDE = 8
MOST = 300
"""Places that one picture can have, several a person: neighbours of the likeliest have boxes as good."""
SHIFT = 0.3
"""Of the scores' logits, so that trackers, which begin tracks at 0.6, find most people and little else."""
_WIDTH = 64
_PRIOR = -4.0
"""Of the logits at the beginning: people are rare."""


class PersonDetector(nn.Module):
    """Trunk, a pyramid from a thirty-second up to an eighth, and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = MobileNetV2(features=160, last_stride=2)
        self.sides = nn.ModuleList(conv_norm(n, _WIDTH, 1) for n in (32, 96, 160))
        self.joins = nn.ModuleList(_separable(_WIDTH) for _ in range(2))
        self.head = nn.Sequential(_separable(_WIDTH), _separable(_WIDTH))
        self.middle = nn.Conv2d(_WIDTH, 1, 1)
        self.box = nn.Conv2d(_WIDTH, 4, 1)
        nn.init.constant_(self.middle.bias, _PRIOR)
        nn.init.constant_(self.box.bias, 1.0)
        mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    def forward(
        self, pictures: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, "B h w"], Float[Tensor, "B 4 h w"]]:
        """Logits of middles, and logarithms of the distances to left, top, right, bottom, in strides.

        Pictures are RGB from 0 to 1.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.training):
            x = self.trunk.stages(self.trunk.stem((pictures - self.mean) / self.std), 1, 1)
        maps = []
        for stage in range(2, 5):
            x = self.trunk.stages(x, stage, stage)
            maps.append(x)
        fine, middle, coarse = (side(each) for side, each in zip(self.sides, maps, strict=True))
        middle = self.joins[0](middle + F.interpolate(coarse, scale_factor=2.0))
        fine = self.joins[1](fine + F.interpolate(middle, scale_factor=2.0))
        out = self.head(fine)
        return self.middle(out)[:, 0], self.box(out)

    def train(self, mode: bool = True) -> PersonDetector:
        """Learn, or not; edges and textures stay as ImageNet taught them, which saves a third of a step."""
        super().train(mode)
        self.trunk.first.eval()
        self.trunk.layer1.eval()
        return self


class BestBoxes(nn.Module):
    """What is shipped: the `MOST` likeliest places as rows of left, top, right, bottom, score, class 0."""

    def __init__(self, network: PersonDetector, *, shift: float = SHIFT) -> None:
        super().__init__()
        self.network, self.shift = network, shift

    def forward(self, pictures: Float[Tensor, "1 3 H W"]) -> Float[Tensor, "1 N 6"]:
        """Boxes are in pixels of the picture."""
        logits, sides = self.network(pictures)
        boxes = corners(sides).flatten(2).transpose(1, 2)
        scores, best = (logits + self.shift).sigmoid().flatten(1).topk(MOST, dim=1)
        chosen = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        return torch.cat((chosen, scores[..., None], torch.zeros_like(scores)[..., None]), dim=2)


def corners(sides: Float[Tensor, "B 4 h w"]) -> Float[Tensor, "B 4 h w"]:
    """Boxes in pixels of what the places' distances stand for."""
    reach = sides.clamp(-4, 5).exp() * STRIDE
    rows = torch.arange(sides.shape[2], device=sides.device) * float(STRIDE) + STRIDE / 2
    columns = torch.arange(sides.shape[3], device=sides.device) * float(STRIDE) + STRIDE / 2
    x, y = columns[None, None, :], rows[None, :, None]
    return torch.stack((x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]), dim=1)


def create_detector(shared: Path) -> PersonDetector:
    """A detector whose trunk has the ImageNet weights."""
    published = create_model("cnn2d_mobile", num_ids=1)
    load_weights(published, shared / "weights/imagenet_mobilenetv2.pt")
    learnt = published.get_submodule("stream2d").state_dict()
    network = PersonDetector()
    own = network.trunk.state_dict()
    fits = {name: tensor for name, tensor in learnt.items() if own[name].shape == tensor.shape}
    network.trunk.load_state_dict(own | fits)
    return network


def _separable(width: int) -> nn.Sequential:
    return nn.Sequential(conv_norm(width, width, 5, groups=width), conv_norm(width, width, 1))
