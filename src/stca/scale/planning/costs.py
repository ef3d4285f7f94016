"""What one unit of work costs on one machine, measured, as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from stca.errors import ConfigError
from stca.tools.files import write_text

SHIPPED = Path(__file__).with_name("measured.toml")
"""Of the machine that it names; for a first look."""


@dataclass(frozen=True, slots=True)
class TrackingCost:
    """Of one detector.

    Args:
        detector: its name.
        core_seconds: processor time for an hour of video, in seconds of one core.
        hours: of video that this was measured on.

    """

    detector: str
    core_seconds: float
    hours: float


@dataclass(frozen=True, slots=True)
class GalleryCost:
    """Of a gallery with so many tracklets.

    Args:
        rows: number of tracklets.
        add_seconds: to write them to disk.
        index_seconds: to build the search index.
        search_milliseconds: processor time of one search, summed over threads.
        recall: recall@10 against exact search.
        disk_bytes: of all files; at least those of the vectors.
        memory_bytes: of the process, more than before the gallery was opened; at least those of the vectors.

    """

    rows: int
    add_seconds: float
    index_seconds: float
    search_milliseconds: float
    recall: float
    disk_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Measured on one machine, in processor time: other load on the machine changes it little.

    Args:
        machine: processor, cores, date and version, for people.
        cores: of the machine.
        footage: what the videos were.
        frame_rate: of the videos.
        tracklets_per_hour: of video, by the detector that finds most.
        crop_bytes: of one tracklet's folder.
        model: that embedded.
        dim: of its vectors.
        embed_core_seconds: of one tracklet.
        tracking: one for each detector.
        gallery: one for each size, rising.

    """

    machine: str
    cores: int
    footage: str
    frame_rate: float
    tracklets_per_hour: float
    crop_bytes: float
    model: str
    dim: int
    embed_core_seconds: float
    tracking: tuple[TrackingCost, ...]
    gallery: tuple[GalleryCost, ...]

    def of_detector(self, name: str | None) -> TrackingCost:
        """The cost of the named detector; None: of the first.

        Raises:
            ConfigError: it was not measured.

        """
        for each in self.tracking:
            if name in (None, each.detector):
                return each
        raise ConfigError(
            f"Tracking with {name!r} was not measured",
            expected=" or ".join(each.detector for each in self.tracking),
            hint=f"stca plan --measure --detector {name}",
        )

    def save(self, path: Path) -> None:
        """Write them, atomically."""
        content = asdict(self)
        tables = {name: content.pop(name) for name in ("tracking", "gallery")}
        lines = [f"{name} = {_toml(value)}" for name, value in content.items()]
        for name, rows in tables.items():
            for row in rows:
                lines += ["", f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in row.items())]
        write_text(path, "\n".join(lines) + "\n")

    @classmethod
    def load(cls, path: Path) -> UnitCosts:
        """Read a file of `stca plan --measure`.

        Raises:
            ConfigError: it is missing, or something else.

        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            content["tracking"] = tuple(TrackingCost(**row) for row in content["tracking"])
            content["gallery"] = tuple(GalleryCost(**row) for row in content["gallery"])
            costs = cls(**content)
            _check(costs)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise ConfigError(
                "Cannot read measured costs",
                expected="a file that `stca plan --measure --out FILE` wrote",
                found=error,
                where=path,
            ) from error
        return costs


_MOST = 1e15


def _check(costs: UnitCosts) -> None:
    """Raise ValueError for what cannot be reckoned with."""
    parts: list[Any] = [costs, *costs.tracking, *costs.gallery]
    numbers: list[Any] = [
        getattr(part, field.name)
        for part in parts
        for field in fields(part)
        if field.type in ("float", "int")
    ]
    if any(isinstance(number, str | bool) or not 0 <= number <= _MOST for number in numbers):  # NaN neither
        raise ValueError(f"a cost is a number from 0 to {_MOST:g}")
    texts = [getattr(part, field.name) for part in parts for field in fields(part) if field.type == "str"]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("machine, footage, model and detector are printable texts")
    if any(each.recall > 1 for each in costs.gallery):
        raise ValueError("recall is a part of 1")
    if type(costs.dim) is not int or type(costs.cores) is not int or not 1 <= costs.dim <= 1_000_000:
        raise ValueError("dim and cores are whole numbers, dim from 1 to 1,000,000")
    rows = [each.rows for each in costs.gallery]
    if not costs.tracking or len(rows) < 2 or rows != sorted(set(rows)) or rows[0] < 1 or costs.cores < 1:
        raise ValueError("a detector and galleries of two rising sizes are needed")
    for each in costs.gallery:
        if min(each.disk_bytes, each.memory_bytes) < 4 * costs.dim * each.rows:
            raise ValueError(
                f"a gallery of {each.rows:,} rows takes less than its vectors of {costs.dim} numbers"
            )


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
    return f"{value:.6g}" if isinstance(value, float) else str(value)
