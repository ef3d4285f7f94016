"""Visits of zones: when a track's feet enter and leave a polygon, and for how long they stay."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from stca.errors import ConfigError, DatasetError
from stca.tools.files import write_text
from stca.tracking.regions import Region
from stca.tracking.smoothing import MAX_FILLED_GAP, smoothed
from stca.tracks import TrackRecord, read_track

ZONES_CSV, ZONES_JSON = "zones.csv", "zones.json"

_FEET_SMOOTHING = 0.2  # seconds, as in tracks.txt: detectors' boxes jitter over a zone's edge
_MIN_ABSENCE = 0.5  # seconds; who is back sooner has not left the zone


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of one track in one zone.

    Args:
        zone: its name.
        track: number.
        tracklet: key of the track's tracklet, `camera folder/track folder`.
        entered, left: times of the first and the last frame inside: seconds since the video's beginning, or
            POSIX seconds where the video's start is known.
        seconds: dwell time, `left` - `entered`.
        began_inside: the track's first box is inside, so that it was not seen to enter.
        ended_inside: the track's last box is inside, so that it was not seen to leave.

    """

    zone: str
    track: int
    tracklet: str
    entered: float
    left: float
    seconds: float
    began_inside: bool
    ended_inside: bool


def check_zones(zones: Sequence[Region]) -> None:
    """Raise ConfigError for a zone without a name, or two zones of the same name."""
    names = [zone.name for zone in zones]
    if "" in names or len(set(names)) < len(names):
        raise ConfigError(
            "Zones need different names", expected="--zone NAME=x,y,x,y,x,y", found=", ".join(names)
        )


def visits_of(record: TrackRecord, tracklet: str, zones: Sequence[Region]) -> list[Visit]:
    """The visits of one tracklet, in order of zones and time.

    A person stands where the middle of the box's lower edge is. Somebody who is outside for less than half a
    second, or not seen for up to 2 s between two boxes inside, has not left.
    """
    times = np.array([frame.time for frame in record.frames])
    boxes = np.array([frame.box for frame in record.frames])
    feet = np.stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3]], axis=1)
    feet = smoothed(feet.repeat(2, axis=1), times, _FEET_SMOOTHING)[:, ::2]
    visits = []
    for zone in zones:
        for first, last in _stays(zone.contains(feet), times):
            visits.append(
                Visit(
                    zone=zone.name,
                    track=record.track,
                    tracklet=tracklet,
                    entered=round(float(times[first]), 3),
                    left=round(float(times[last]), 3),
                    seconds=round(float(times[last] - times[first]), 3),
                    began_inside=first == 0,
                    ended_inside=last == len(times) - 1,
                )
            )
    return visits


def _stays(inside: np.ndarray, times: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) frame of every stay."""
    stays: list[tuple[int, int]] = []
    for i in np.flatnonzero(inside).tolist():
        if stays:
            last = stays[-1][1]
            seen_outside = i - last > 1
            limit = _MIN_ABSENCE if seen_outside else MAX_FILLED_GAP
            if times[i] - times[last] <= limit:
                stays[-1] = (stays[-1][0], i)
                continue
        stays.append((i, i))
    return stays


def write_zones(folder: Path, zones: Sequence[Region]) -> None:
    """Write `zones.csv` (one row per visit) and `zones.json` (with totals per zone) into a camera's folder.

    Args:
        folder: of the camera, with finished tracklets.
        zones: with different names.

    Raises:
        ConfigError: zones without names, or two of the same.
        DatasetError: a tracklet's side file is damaged.

    """
    check_zones(zones)
    visits = []
    for place in folder.iterdir():
        if place.name.isdecimal() and (record := read_track(place)):
            visits += visits_of(record, f"{folder.name}/{place.name}", zones)
    visits.sort(key=lambda visit: (visit.entered, visit.zone, visit.track))
    for name, text in zones_texts(zones, visits).items():
        write_text(folder / name, text)


def zones_texts(zones: Sequence[Region], visits: Sequence[Visit]) -> dict[str, str]:
    """The content of `zones.csv` and `zones.json`, by name."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Visit)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(visit) for visit in visits)
    totals = [_total(zone, [visit for visit in visits if visit.zone == zone.name]) for zone in zones]
    data = {"zones": totals, "visits": [asdict(visit) for visit in visits]}
    return {
        ZONES_CSV: text.getvalue(),
        ZONES_JSON: json.dumps(data, indent=1, ensure_ascii=False) + "\n",
    }


def without_tracks(folder: Path, tracks: Set[int]) -> dict[str, str]:
    """What `zones_texts` gives without these tracks, from the `zones.json` of a camera's folder.

    Nothing where there is no such file, or none of these tracks in it.

    Raises:
        DatasetError: the file is damaged.

    """
    path = folder / ZONES_JSON
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        visits = [Visit(**visit) for visit in data["visits"]]
        zones = [Region(tuple((x, y) for x, y in zone["points"]), zone["name"]) for zone in data["zones"]]
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise DatasetError("The visits of zones are damaged", found=error, where=path) from error
    kept = [visit for visit in visits if visit.track not in tracks]
    return zones_texts(zones, kept) if len(kept) < len(visits) else {}


def _total(zone: Region, visits: Sequence[Visit]) -> dict[str, object]:
    return {
        "name": zone.name,
        "points": [list(point) for point in zone.points],
        "tracks": len({visit.track for visit in visits}),
        "visits": len(visits),
        "entered": sum(not visit.began_inside for visit in visits),
        "left": sum(not visit.ended_inside for visit in visits),
        "seconds": round(sum(visit.seconds for visit in visits), 3),
    }
