"""PyTorch image re-identification networks as models of clips: OSNet, and ResNets by the bag of tricks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stca.models.backbones.bag_of_tricks import SOURCES, BagOfTricks
from stca.models.backbones.create import choose
from stca.models.backbones.osnet import OSNet, Variant
from stca.models.backbones.resnet2d import Norm
from stca.models.heads import IdentityHead, ReIDModel

_OSNET_WIDTHS = {"x0_25": 0.25, "x0_5": 0.5, "x0_75": 0.75, "x1_0": 1.0}
_RESNET_LAYERS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_RESNET_NORMS: dict[str, Norm] = {"": "bn", "_ibn_a": "ibn-a"}
_OSNET_VARIANTS: dict[str, Variant] = {"": "bn", "ibn_": "ibn", "ain_": "ain"}

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    f"osnet_{prefix}{width_name}": partial(OSNet, width=width, variant=variant)
    for prefix, variant in _OSNET_VARIANTS.items()
    for width_name, width in _OSNET_WIDTHS.items()
}
ARCHITECTURES |= {
    f"{source}_resnet{depth}{suffix}": partial(BagOfTricks, source=source, norm=norm, layers=layers)
    for source in SOURCES
    for depth, layers in _RESNET_LAYERS.items()
    for suffix, norm in _RESNET_NORMS.items()
}


class ImageNetwork(ReIDModel):
    """An image network applied to every frame; a clip's vector is the mean of its frames' unit vectors.

    `network` turns images (N, 3, H, W) into vectors (N, D) as the project that trained it does. It cannot be
    trained here.

    Args:
        architecture: a key of `ARCHITECTURES`.
        num_ids: ignored; there for the common signature.
        image_size: (H, W) of the frames.
        dim: D; None: the architecture's own.
        gem: generalised-mean pooling ("strong_baseline" and "fastreid" only).
        non_local: channels inside non-local blocks, 0 for none (the same).
        clip_len: frames per clip; changes no vector, but how a tracklet's frames are weighted where they do
            not fill the last clip.

    Raises:
        ConfigError: an architecture there is not, or that has no such option.

    """

    trainable = False
    frame_by_frame = True

    def __init__(
        self,
        *,
        architecture: str,
        num_ids: int = 0,
        image_size: tuple[int, int] = (256, 128),
        dim: int | None = None,
        gem: bool = False,
        non_local: int = 0,
        clip_len: int = 8,
    ) -> None:
        super().__init__(image_size=image_size, clip_len=clip_len)
        build = choose(ARCHITECTURES, architecture, kind="architecture")
        given = {"dim": dim, "gem": gem, "non_local": non_local}
        self.network = build(**{name: value for name, value in given.items() if value})
        self.embedding_dim = int(self.network.dim)  # type: ignore[arg-type]
        self.head = IdentityHead()

    def features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Mean over the frames of their vectors at length 1."""
        vectors = nn.functional.normalize(self.network(clips.flatten(0, 1)).float(), dim=1)
        return torch.unflatten(vectors, 0, clips.shape[:2]).mean(dim=1)
