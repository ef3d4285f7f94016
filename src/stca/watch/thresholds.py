"""From which cosine on it is the same person, and what that was measured on."""

from __future__ import annotations

from dataclasses import dataclass

from stca.errors import GalleryError
from stca.gallery import Gallery, ModelFingerprint
from stca.gallery.calibration import Calibration
from stca.gallery.calibration.calibration import ORIGINS
from stca.gallery.cross_camera import calibrate_across
from stca.watch.settings import WatchSettings

LEAST_ROWS = 100
"""Tracklets that a gallery is taken to have at least: a threshold for an empty one would let everybody in."""

GROWN = 1.1
"""A gallery that has grown so much gets another threshold from public sets."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A least cosine.

    Args:
        value: the cosine.
        far: false-accept rate of a search that it was calibrated for; None: it was given, not measured.
        calibrated: what on: a method of `stca.gallery.Calibration`, or "given".

    """

    value: float
    far: float | None
    calibrated: str

    def __str__(self) -> str:
        origin = ORIGINS.get(self.calibrated)
        return f"{self.value:.3f} ({f'from {origin}' if origin else self.calibrated})"


class GalleryThresholds:
    """Thresholds of a gallery that others calibrate meanwhile, and that grows.

    Args:
        gallery: whose.
        settings: what is watched.

    Attributes:
        decide: for deciding who is who, where the settings' comes first.
        alert: for alerts, where a measured one does.

    Raises:
        GalleryError: none is given, measured, or known of this network.

    """

    def __init__(self, gallery: Gallery, settings: WatchSettings) -> None:
        self._gallery, self._settings = gallery, settings
        self._calibration, self._rows, self._trouble = gallery.calibration(), len(gallery), ""
        self.decide, self.alert = self._chosen(self._calibration, self._rows)

    def follow(self, rows: int) -> list[str]:
        """Take what others calibrated since the last call, or what the size of the gallery now needs.

        Args:
            rows: tracklets in the gallery.

        Returns:
            What has changed, as sentences.

        """
        before = self.decide, self.alert
        try:
            calibration = self._gallery.calibration()
            if calibration == self._calibration and self._rows / GROWN <= rows <= self._rows * GROWN:
                self._trouble = ""
                return []
            self.decide, self.alert = self._chosen(calibration, rows)
        except GalleryError as error:  # a damaged one; what was known goes on
            words = f"the threshold stays {self.decide}: {error.what}"
            said, self._trouble = [] if words == self._trouble else [words], words
            return said
        self._calibration, self._rows, self._trouble = calibration, rows, ""
        said = []
        if str(self.decide) != str(before[0]):
            said.append(f"threshold {self.decide} from now on")
        if str(self.alert) != str(before[1]) and self.alert != self.decide:
            said.append(f"threshold of alerts {self.alert} from now on")
        return said

    def _chosen(self, calibration: Calibration | None, rows: int) -> tuple[Threshold, Threshold]:
        return choose_thresholds(
            self._gallery.fingerprint,
            self._settings,
            measured=calibration,
            rows=rows,
            source=self._gallery.source,
            where=self._gallery.where,
        )


def choose_thresholds(
    fingerprint: ModelFingerprint,
    settings: WatchSettings,
    *,
    measured: Calibration | None = None,
    rows: int = 0,
    source: str | None,
    where: object,
) -> tuple[Threshold, Threshold]:
    """What `GalleryThresholds` are of a gallery that need not exist yet.

    Args:
        fingerprint: of its model.
        settings: what is watched.
        measured: its calibration.
        rows: tracklets in it.
        source: name of its model.
        where: the gallery is, for errors.

    Raises:
        GalleryError: as `GalleryThresholds`.

    """
    if measured is None or measured.from_public_sets:  # of another size and rate, perhaps
        measured = (
            calibrate_across(fingerprint, far=settings.far, rows=max(rows, LEAST_ROWS), source=source)
            or measured
        )
    given = None if settings.threshold is None else Threshold(settings.threshold, None, "given")
    found = None if measured is None else _of(measured)
    chosen, alerts = given or found, found or given
    if chosen is None or alerts is None:
        raise GalleryError(
            "Nothing says from which score on two tracklets are one person",
            expected="a calibrated gallery, a network with scores of public sets, or a threshold",
            where=where,
            hint="threshold = 0.6 below [watch]; a higher one splits, a lower one merges people",
        )
    return chosen, alerts


def _of(calibration: Calibration) -> Threshold:
    return Threshold(calibration.threshold, calibration.far, calibration.method)
