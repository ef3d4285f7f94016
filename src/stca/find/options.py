"""How to find people, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stca.errors import ConfigError, StcaError
from stca.linking import Linking
from stca.tracking import TrackOptions, VideoSummary


@dataclass(frozen=True)
class FindOptions:
    """How to find people.

    Args:
        tracking: of every video.
        model: as `stca.runs.open_model` takes it; None: that of `out/gallery`, or the best at hand
            (`stca.runs.gallery_model.default_model`).
        threshold: least mean cosine of two groups that are one person; None: as `link_gallery`.
        far: false-accept rate of a search that the calibration aims at.
        device: "auto", "cpu" or "cuda".
        precision: "float32", "bf16" or "auto".
        batch_size: clips per forward pass.
        workers: processes that decode crops.

    Raises:
        ConfigError: a rate or a threshold out of its range.

    """

    tracking: TrackOptions = field(default_factory=TrackOptions)
    model: str | None = None
    threshold: float | None = None
    far: float = 0.01
    device: str = "auto"
    precision: str = "auto"
    batch_size: int = 16
    workers: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.far < 1:
            raise ConfigError(
                "A false-accept rate lies between 0 and 1", expected="for example 0.01", found=self.far
            )
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise ConfigError(
                "A threshold is a cosine", expected="a number from -1 to 1", found=self.threshold
            )


@dataclass(frozen=True)
class FindResult:
    """What was found.

    Args:
        page: a self-contained HTML file.
        linking: persons and their tracklets; None where no video shows anybody.
        videos: a summary for every video that could be tracked.
        failed: video and error of those that could not.
        seconds: it all took.
        names: that people have given to persons, by number.

    """

    page: Path
    linking: Linking | None
    videos: tuple[VideoSummary, ...]
    failed: tuple[tuple[str, StcaError], ...]
    seconds: float
    names: Mapping[int, str] = field(default_factory=dict)
