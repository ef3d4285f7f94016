"""Keeping tracklets no longer than allowed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from stca.errors import GalleryError
from stca.gallery.gallery import Gallery
from stca.gallery.keeping.forgetting import Forgotten, forget
from stca.gallery.records import Record
from stca.gallery.times import is_date


@dataclass(frozen=True, slots=True)
class Expired:
    """What `expire` did, or would do.

    Args:
        forgotten: as of `forget`.
        undated: keys of tracklets that no date is known of; they are kept.

    """

    forgotten: Forgotten
    undated: tuple[str, ...]


def expire(
    gallery: Gallery,
    older: float | Mapping[str, float],
    *,
    now: float | None = None,
    remember: bool = False,
    dry_run: bool = False,
    wait: float = 60.0,
) -> Expired:
    """Forget the tracklets that were last seen too long ago.

    Age counts from a tracklet's last frame; when it was added is not known. Without `remember`, the same
    video may be added again.

    Args:
        gallery: that may be written.
        older: seconds that tracklets are kept, of all cameras, or by camera (others are kept).
        now: POSIX seconds; None: the clock's.
        remember: as of `forget`.
        dry_run: as of `forget`.
        wait: as of `forget`.

    Raises:
        GalleryError: a time that is not above 0; as `forget`.

    """
    limits = older if isinstance(older, Mapping) else dict.fromkeys(_cameras(gallery), older)
    for camera, seconds in limits.items():
        if not seconds > 0:
            raise GalleryError(
                "Tracklets are kept for some time", expected="seconds above 0", found=seconds, where=camera
            )
    moment = time.time() if now is None else now
    old, undated = [], []
    for record in gallery.records():
        if record.camera not in limits:
            continue
        if (last := last_seen(record)) is None:
            undated.append(record.key)
        elif last < moment - limits[record.camera]:
            old.append(record.key)
    done = forget(gallery, old, remember=remember, dry_run=dry_run, wait=wait)
    return Expired(done, tuple(undated))


def last_seen(record: Record) -> float | None:
    """POSIX seconds of the last frame; None if no date is known."""
    if record.last is None or record.clock or not is_date(record.last):  # old galleries have no clock
        return None
    return record.last


def _cameras(gallery: Gallery) -> set[str]:
    return {record.camera for record in gallery.records()}
