"""A calibrated score threshold, and how it was determined."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from stca.errors import GalleryFileError

Method = Literal["labels", "time split", "cross-camera sets", "corrections"]
ORIGINS: dict[str, str] = {
    "labels": "labels",
    "time split": "tracklets cut in two",
    "cross-camera sets": "public sets",
    "corrections": "corrections by people",
}
"""What a method measures on, in words."""
_ROUNDING = 1e-4
"""By which a cosine of float32 may exceed 1."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A score threshold and how it was determined.

    Args:
        threshold: cosine similarity; hits at or above it are accepted.
        far: the requested false-accept rate, per search.
        method: where the identities came from.
        searches: number of mated searches (the person is in the gallery).
        impostors: number of non-mated searches (the person is not in the gallery).
        rows: gallery rows of the median non-mated search; with more rows, false accepts are more frequent.
        dir_at_threshold: detection and identification rate at this threshold.
        dir_at_1: detection and identification rate at FAR 1 %.
        dir_at_10: detection and identification rate at FAR 10 %.
        corrections: number of pairs of tracklets about which people have said who is who.
        note: what of these was used, and why.

    """

    threshold: float
    far: float
    method: Method
    searches: int
    impostors: int
    rows: int
    dir_at_threshold: float
    dir_at_1: float
    dir_at_10: float
    corrections: int = 0
    note: str = ""

    def to_json(self) -> str:
        """Serialise; without corrections, as versions before them did."""
        content = asdict(self)
        if not self.corrections:
            del content["corrections"], content["note"]
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Parse what `to_json` wrote.

        Raises:
            GalleryFileError: not what `to_json` wrote.

        """
        try:
            found = cls(**json.loads(text))
            found._check()
        except (ValueError, TypeError) as error:
            raise GalleryFileError(
                "A gallery's stored calibration is damaged",
                found=error,
                hint="stca calibrate GALLERY stores another one",
            ) from error
        return found

    def _check(self) -> None:
        """Raise ValueError or TypeError where a value cannot be."""
        rates = self.far, self.dir_at_threshold, self.dir_at_1, self.dir_at_10
        counts = self.searches, self.impostors, self.rows, self.corrections
        if not -1 <= self.threshold <= 1 + _ROUNDING:
            raise ValueError(f"a threshold of {self.threshold}")
        if not all(0 <= rate <= 1 for rate in rates):
            raise ValueError(f"rates of {rates}")
        if not isinstance(self.note, str):
            raise ValueError(f"a note {self.note!r}")
        if self.method not in ORIGINS:
            raise ValueError(f"a method {self.method!r}")
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            raise ValueError(f"counts of {counts}")

    @property
    def by_people(self) -> bool:
        """Whether somebody has said who is who for it; a threshold of other origin should not replace it."""
        return self.method in ("labels", "corrections") or self.corrections > 0

    @property
    def from_public_sets(self) -> bool:
        """Whether nothing of the gallery itself was measured, but the network on people of public sets."""
        return self.method == "cross-camera sets"

    @property
    def origin(self) -> str:
        """What it was measured on, in words."""
        return ORIGINS.get(self.method, self.method)

    @property
    def measured(self) -> bool:
        """Whether there were enough non-mated searches to measure a rate as low as `far`."""
        return self.far * self.impostors >= 1

    def table(self) -> str:
        """Human-readable summary."""
        if self.from_public_sets:
            return self._cross_camera_table()
        lines = [
            f"threshold {self.threshold:.4f} for a false-accept rate of {100 * self.far:g} % per search",
            f"from {self.method}: {self.searches} searches for people in the gallery, "
            f"{self.impostors} for people not in it, among {self.rows} tracklets each",
            f"DIR (right and above the threshold): {_rate(self.dir_at_threshold, self.searches)}",
            f"DIR at FAR  1 %: {_rate(self.dir_at_1, self.searches)}",
            f"DIR at FAR 10 %: {_rate(self.dir_at_10, self.searches)}",
        ]
        lines += [self.note] if self.note else []
        if self.method == "time split":
            lines.append(
                "note: without labels, each tracklet was split into two halves, which are more alike than "
                "tracklets of two cameras: across cameras this threshold is too strict, and tracks that mix "
                "people make it stricter still. Use --labels FILE.csv where identities are known"
            )
        if not self.measured:
            limit = min(1.0, 3 / max(self.impostors, 1))
            lines.append(
                f"note: {self.impostors} searches are too few to measure {100 * self.far:g} %. The threshold "
                f"is just above all of their scores; the true rate is below {100 * limit:.2g} % with 95 % "
                "confidence"
            )
        return "\n".join(lines)

    def summary(self) -> str:
        """One line: the threshold, where it is from, and how much of what should reach it does."""
        reached = f"{100 * self.dir_at_threshold:.0f} %"
        what = "pairs of one person" if self.from_public_sets else "searches"
        found = "reach it" if self.from_public_sets else "found the right person by it"
        return f"threshold {self.threshold:.4f}, from {self.origin}, where {reached} of the {what} {found}"

    def _cross_camera_table(self) -> str:
        far, reached = 100 * self.far, 100 * self.dir_at_threshold
        return (
            f"threshold {self.threshold:.4f} for a false-accept rate of {far:g} % per search among "
            f"{self.rows} tracklets\nfrom pictures of two cameras in public sets: {self.searches} pairs of "
            f"one person, of which {reached:.0f} % reach it, and {self.impostors} of different people"
        )


def _rate(value: float, searches: int) -> str:
    half = 1.96 * np.sqrt(value * (1 - value) / max(searches, 1))
    return f"{100 * value:.1f} +- {100 * half:.1f} %"
