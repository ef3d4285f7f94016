"""The base class of the peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, TypedDict

from stca.errors import ConfigError
from stca.models.heads import ReIDModel
from stca.models.peers.parts.resnet import LAYERS, WIDTH
from stca.tools.signatures import ClassSignature, full_signature


class PeerOptions(TypedDict, total=False):
    """What every peer takes beside `num_ids` and what is its own; see `PeerModel`."""

    image_size: tuple[int, int]
    clip_len: int
    layers: Sequence[int]
    width: int


class PeerModel(ReIDModel):
    """A system that STCA is compared with, computed as its authors' code computes it, or their paper says.

    The vector of a tracklet is the mean of its clips' embeddings; how vectors are compared stands in `PEERS`.
    A subclass says what sizes its authors have: `class GLTR(PeerModel, clip_len=16)`.

    Args:
        image_size: (H, W); default the authors', (256, 128) for most. Where parameters depend on it, the
            published weights fit no other.
        clip_len: frames per clip; default the authors'. Where the class says nothing, any number works.
        layers: blocks per stage of the ResNet; ResNet-50, as published, has (3, 4, 6, 3).
        width: of its first stage's bottlenecks; 64 in ResNet-50.

    Raises:
        ConfigError: sizes that do not fit.

    """

    system: str
    """A key of `SYSTEMS`."""
    frames_multiple: int = 1
    """Clips have a multiple of so many frames."""
    frames_fixed: int | None = None
    """Clips have exactly so many frames, where parameters depend on it."""
    copies: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Parts of a plain ResNet that are not in the trunk, e.g. because there are several: where they are."""

    usual: ClassVar[PeerOptions]
    """The authors' sizes."""

    __signature__ = ClassSignature(lambda cls: full_signature(cls, getattr(cls, "usual", None)))

    def __init_subclass__(
        cls, *, image_size: tuple[int, int] | None = None, clip_len: int | None = None, **others: object
    ) -> None:
        super().__init_subclass__(**others)
        usual = getattr(cls, "usual", PeerOptions(image_size=(256, 128), clip_len=4))
        cls.usual = {
            "image_size": image_size or usual["image_size"],
            "clip_len": clip_len or usual["clip_len"],
        }

    def __init__(
        self,
        *,
        image_size: tuple[int, int] | None = None,
        clip_len: int | None = None,
        layers: Sequence[int] = LAYERS,
        width: int = WIDTH,
    ) -> None:
        super().__init__(
            image_size=image_size or self.usual["image_size"],
            clip_len=self.usual["clip_len"] if clip_len is None else clip_len,
        )
        self.layers, self.width = layers, width

    @property
    def checkpoint_layout(self) -> str:
        """A key of `weights.peers.OFFICIAL_NAMES`: the system, unless its variants differ in names."""
        return self.system

    def check_clip_len(self, clip_len: int) -> None:
        """Raise ConfigError where the network takes no clips of so many frames."""
        if self.frames_fixed is not None and clip_len != self.frames_fixed:
            raise ConfigError(
                f"{type(self).__name__} takes clips of one length only",
                expected=f"{self.frames_fixed} frames",
                found=f"{clip_len} frames",
                hint=f"clip_len={self.frames_fixed}, or create the model with the option clip_len={clip_len}",
            )
        if clip_len == 0 or clip_len % self.frames_multiple:
            raise ConfigError(
                f"{type(self).__name__} cannot take clips of this length",
                expected=f"a multiple of {self.frames_multiple} frames",
                found=f"{clip_len} frames",
            )
