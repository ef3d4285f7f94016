"""The base class of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor

from stca.errors import ConfigError
from stca.models.heads import ReIDModel


class PeerModel(ReIDModel):
    """A system that STCA is compared with, computed as its authors' code computes it.

    The vector of a tracklet is the mean of its clips' embeddings; how vectors are compared stands in `PEERS`.
    """

    system: str
    """A key of `SYSTEMS`."""
    frames_multiple: int = 1
    """Clips have a multiple of so many frames."""
    frames_fixed: int | None = None
    """Clips have exactly so many frames, where parameters depend on it."""
    copies: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Parts of a plain ResNet that are not in the trunk, e.g. because there are several: where they are."""

    @property
    def checkpoint_layout(self) -> str:
        """A key of `weights.peers.OFFICIAL_NAMES`: the system, unless its variants differ in names."""
        return self.system

    def check_clips(self, clips: Tensor) -> None:
        """Raise ConfigError where `clips` is not (B, T, 3, *image_size), or has a T that does not fit."""
        super().check_clips(clips)
        frames = clips.shape[1]
        if self.frames_fixed is not None and frames != self.frames_fixed:
            raise ConfigError(
                f"{type(self).__name__} takes clips of one length only",
                expected=f"{self.frames_fixed} frames",
                found=f"{frames} frames",
                hint=f"cut clips of {self.frames_fixed} frames, or create the model with another clip_len",
            )
        if frames == 0 or frames % self.frames_multiple:
            raise ConfigError(
                f"{type(self).__name__} cannot take clips of this length",
                expected=f"a multiple of {self.frames_multiple} frames",
                found=f"{frames} frames",
            )
