"""The base class of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stca.errors import ConfigError
from stca.models.heads import ReIDModel


class PeerModel(ReIDModel):
    """A system that STCA is compared with, computed as its authors' code computes it, or their paper says.

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
