"""From which cosine on it is the same person, and what that was measured on."""

from __future__ import annotations

from contextlib import suppress
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
    """`thresholds` of a gallery that others calibrate meanwhile, and that grows.

    Args:
        gallery: whose.
        settings: what is watched.

    Attributes:
        decide: for deciding who is who.
        alert: for alerts.

    Raises:
        GalleryError: as `thresholds`.

    """

    def __init__(self, gallery: Gallery, settings: WatchSettings) -> None:
        self._gallery, self._settings = gallery, settings
        self._calibration, self._rows = gallery.calibration(), len(gallery)
        self.decide, self.alert = thresholds(gallery, settings)

    def follow(self) -> bool:
        """Take what others calibrated since the last call, or what the grown gallery needs.

        Returns:
            whether a threshold is another one now.

        """
        calibration, rows = self._gallery.calibration(), len(self._gallery)
        if calibration == self._calibration and self._rows <= rows <= GROWN * self._rows:
            return False
        self._calibration, self._rows = calibration, rows
        before = self.decide, self.alert
        with suppress(GalleryError):  # nothing is measured any longer: what was known stays
            self.decide, self.alert = thresholds(self._gallery, self._settings)
        return (self.decide, self.alert) != before


def thresholds(gallery: Gallery, settings: WatchSettings) -> tuple[Threshold, Threshold]:
    """For deciding who is who, where the settings' comes first; and for alerts, where a measured one does.

    Raises:
        GalleryError: none is given, measured, or known of this network.

    """
    return choose_thresholds(
        gallery.fingerprint,
        settings,
        measured=gallery.calibration(),
        rows=len(gallery),
        source=gallery.source,
        where=gallery.where,
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
    """`thresholds` of a gallery that need not exist yet.

    Args:
        fingerprint: of its model.
        settings: what is watched.
        measured: its calibration.
        rows: tracklets in it.
        source: name of its model.
        where: the gallery is, for errors.

    Raises:
        GalleryError: as `thresholds`.

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
