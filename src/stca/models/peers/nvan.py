"""NVAN and STE-NVAN: non-local attention over all frames in stages 2 and 3, and two ways to make it cheap.

Liu, Wu, Wang and Chien, "Spatially and temporally efficient non-local attention network for video-based
person re-identification", BMVC 2019.
"""

from __future__ import annotations

from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.create import grid_size
from stca.models.heads import BNNeck
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.non_local import NonLocal
from stca.models.peers.parts.resnet import each_frame, resnet50_2d, stage_of

NON_LOCAL_AFTER = {2: 2, 3: 3}
"""By stage: after so many blocks at its end, where it has them."""


class StripeNonLocal(NonLocal):
    """A non-local block on the means of horizontal stripes; every place of a stripe gets the stripe's answer.

    Args:
        channels: C.
        stripes: how many; they divide the height.

    """

    def __init__(self, channels: int, *, stripes: int) -> None:
        super().__init__(channels)
        self.stripes = stripes

    def forward(self, x: Float[Tensor, "B C T h w"]) -> Float[Tensor, "B C T h w"]:
        """Add what the stripes say to each other."""
        rows = x.shape[3] // self.stripes
        means = torch.unflatten(x, 3, (self.stripes, rows)).mean(dim=(4, 5)).unsqueeze(4)
        return x + self.others(means).repeat_interleave(rows, dim=3)


class NVAN(PeerModel, clip_len=8):
    """ResNet-50 without ReLU in its stem, with five non-local blocks; mean over frames and places; BN neck.

    Args:
        num_ids: identities the classifier knows.
        non_local: False leaves the non-local blocks out: the baseline, which reads every frame by itself.
        stripes: attention between stripes 16 pixels high in place of places (spatial reduction).
        halving: after stages 2 and 3 the larger of every two neighbouring frames stays (temporal reduction);
            a clip then has a multiple of four frames.
        in_pairs: a non-local block sees two neighbouring frames at a time.
        image_size: (H, W), multiples of 16.
        clip_len: frames per clip it is meant for; any other that `halving` and `in_pairs` divide works.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: a size that does not fit.

    """

    system = "NVAN"

    def __init__(
        self,
        *,
        num_ids: int,
        non_local: bool = True,
        stripes: bool = False,
        halving: bool = False,
        in_pairs: bool = False,
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        self.halving, self.in_pairs = halving, in_pairs
        self.frames_multiple = 4 if halving else 2 if in_pairs else 1
        self.frame_by_frame = not non_local and not halving
        self.stream2d = resnet50_2d(self.layers, self.width, stem_relu=False)
        height, _ = grid_size(self.image_size, 3)
        self.non_local = nn.ModuleDict()
        for stage, most in NON_LOCAL_AFTER.items():
            channels = self.stream2d.channels[stage - 1]
            self.non_local[str(stage)] = nn.ModuleList(
                StripeNonLocal(channels, stripes=height) if stripes else NonLocal(channels)
                for _ in range(min(most, self.layers[stage - 1]) if non_local else 0)
            )
        self.embedding_dim = self.stream2d.channels[-1]
        self.head = BNNeck(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean over the places of all frames that are left."""
        return self._frame_maps(clips).mean(dim=(1, 3, 4))

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B t C h w"]:
        """With `halving`, of a quarter of the frames."""
        trunk = self.stream2d
        x = each_frame(lambda frames: trunk.stages(trunk.stem(frames), 1, 1), clips)
        for stage in NON_LOCAL_AFTER:
            x = self._stage(x, stage)
            if self.halving:
                x = torch.unflatten(x, 1, (-1, 2)).amax(dim=2)
        return each_frame(trunk.layer4, x)  # type: ignore[arg-type]

    def _stage(self, x: Float[Tensor, "B T C h w"], stage: int) -> Float[Tensor, "B T D i j"]:
        blocks = stage_of(self.stream2d, stage)
        parts = list(self.get_submodule(f"non_local.{stage}").children())
        for number, block in enumerate(blocks, start=len(parts) - len(blocks)):
            x = each_frame(block, x)
            if number >= 0:
                part = parts[number]
                seen = torch.unflatten(x, 1, (-1, 2)).flatten(0, 1) if self.in_pairs else x
                x = part(seen.transpose(1, 2)).transpose(1, 2).reshape(x.shape)
        return x
