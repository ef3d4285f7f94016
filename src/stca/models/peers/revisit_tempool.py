"""RevisitTempool: ResNet-50 on every frame, then mean, attention or LSTM over time; the paper's baseline.

Gao and Nevatia, "Revisiting temporal modeling for video-based person ReID", 2018.
"""

from __future__ import annotations

from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from stca.models.backbones.create import choose
from stca.models.heads import LinearHead
from stca.models.peers.parts.aggregation import AGGREGATIONS
from stca.models.peers.parts.model import PeerModel, PeerOptions
from stca.models.peers.parts.resnet import each_frame, map_size, resnet50_2d


class RevisitTempool(PeerModel, image_size=(224, 112)):
    """A plain ResNet-50 (stage 4 halves the map), one vector per clip, no batch norm behind it.

    Args:
        num_ids: identities the classifier knows.
        aggregation: over time: "tp" (mean), "ta" (attention) or "rnn" (LSTM, 512 numbers).
        image_size: (H, W); parameters of "ta" depend on it.
        options: of all peers; see `PeerModel`.

    Raises:
        ConfigError: an aggregation there is not.

    """

    system = "RevisitTempool"

    def __init__(
        self,
        *,
        num_ids: int,
        aggregation: str = "tp",
        **options: Unpack[PeerOptions],
    ) -> None:
        super().__init__(**options)
        build = choose(AGGREGATIONS, aggregation, kind="aggregation")
        self.stream2d = resnet50_2d(self.layers, self.width, last_stride=2)
        self.aggregation = build(self.stream2d.channels[-1], map_size(self.image_size, 32))
        self.frame_by_frame = aggregation == "tp"
        self.embedding_dim = self.aggregation.dim
        self.head = LinearHead(self.embedding_dim, num_ids)

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """All frames at once, then over time."""
        vectors: Tensor = self.aggregation(self._frame_maps(clips))
        return vectors

    def _frame_maps(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T C h w"]:
        return each_frame(self.stream2d, clips)
