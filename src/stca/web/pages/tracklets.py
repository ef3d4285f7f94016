"""One tracklet: it plays, in its whole frame, where the network looked, how sure an answer is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from stca.errors import StcaError
from stca.gallery.records import Record
from stca.web.api.common import state_of
from stca.web.media.certainty import curve_points
from stca.web.media.footage import sighting
from stca.web.pages.shown import drawing, words
from stca.web.pages.shown.rendering import render
from stca.web.pages.shown.tiles import frame_url, person_tile, tracklet_tile
from stca.web.state import ServerState

router = APIRouter()
LOWEST = -0.2
"""The score at the left end of the calibration curve."""
AROUND = 4.0
"""Seconds that are shown before and after a tracklet."""


@router.get("/tracklets/{key:path}")
def tracklet(request: Request, key: str, query: str = "") -> Response:
    """The page of a tracklet; with `query`, as an answer to a search for that one."""
    state = state_of(request)
    snapshot = state.snapshot()
    record = snapshot.record(key)
    person = snapshot.persons.get(record.person) if record.person is not None else None
    asked = snapshot.record(query) if query and query != key else None
    score = None if asked is None else cosine(state, key, asked.key)
    calibration = state.gallery.calibration()
    return render(
        request,
        "tracklet.html",
        tile=tracklet_tile(snapshot, record),
        person=person_tile(snapshot, person) if person else None,
        others=len(person.records) - 1 if person else 0,
        asked=tracklet_tile(snapshot, asked) if asked else None,
        score=score,
        digits=2 if score is None else words.digits([score], calibration.threshold if calibration else None),
        judged=state.judgements(asked.key).get(key) if asked else None,
        calibration=calibration,
        hit=state.gallery.rated([(record, score)], queries=(asked,))[0]
        if asked and score is not None
        else None,
        curve=curve_of(request, score),
        frames=frames_of(state, record),
        why=why_url(key, asked.key if asked else None),
    )


def cosine(state: ServerState, key: str, other: str) -> float | None:
    """How alike two tracklets are; None where one was removed a moment ago."""
    found = [state.gallery.get(each) for each in (key, other)]
    if found[0] is None or found[1] is None:
        return None
    return float(found[0][1] @ found[1][1])


def frames_of(state: ServerState, record: Record) -> dict[str, Any] | None:
    """What plays a tracklet in its whole frames; None where its video or its boxes are not at hand."""
    seen = sighting(record)
    if seen is None:
        return None
    try:
        video = state.footage.video(seen.folder)
    except StcaError:
        return None
    around = round(AROUND * video.frame_rate)
    first, last = seen.boxes[0][0], seen.boxes[-1][0]
    middle = seen.boxes[len(seen.boxes) // 2][0]
    boxes = {number: [round(value, 1) for value in box] for number, box in seen.boxes}
    return {
        "poster": frame_url(seen.folder, middle),
        "address": frame_url(seen.folder, 0).removesuffix("0"),
        "first": max(1, first - around),
        "last": last + around if video.num_frames is None else min(last + around, video.num_frames),
        "begins": middle,
        "rate": video.frame_rate,
        "width": video.width,
        "height": video.height,
        "boxes": json.dumps(boxes if video.boxes_fit else {}),
    }


def why_url(key: str, asked: str | None) -> str:
    """The address of the picture of where the network looked."""
    return f"/media/why/{quote(key)}" + (f"?answer={quote(asked, safe='')}" if asked else "")


@dataclass(frozen=True, slots=True)
class Curve:
    """The calibration curve as it is drawn.

    Args:
        different, same: paths of the shares of pairs that reach a score; `same` is empty where not known.
        threshold, score: where they stand, from 0 to `drawing.WIDTH`; None: there is none.
        low, high: scores at both ends.
        words: what the score means; without one, what the threshold means.
        source: where the pairs come from.

    """

    different: str
    same: str
    threshold: float | None
    score: float | None
    low: str
    high: str
    words: str
    source: str


def curve_of(request: Request, score: float | None) -> Curve | None:
    """The calibration curve with a score on it; None where too few pairs are known."""
    state = state_of(request)
    found = state.certainty()
    calibration = state.gallery.calibration()
    threshold = calibration.threshold if calibration else None
    if found is None or (score is None and threshold is None):
        return None
    points = [point for point in curve_points(found) if point[0] >= LOWEST]
    places = [(point[0] - LOWEST) / (1 - LOWEST) for point in points]
    same = [(x, point[2]) for x, point in zip(places, points, strict=True) if point[2] is not None]
    return Curve(
        different=drawing.path_of(
            [(x, point[1]) for x, point in zip(places, points, strict=True)], height=300
        ),
        same=drawing.path_of(same, height=300),
        threshold=None if threshold is None else _place(threshold),
        score=None if score is None else _place(score),
        low=f"{LOWEST:.1f}",
        high="1.0",
        words=found.words(threshold if score is None and threshold is not None else score or 0.0),
        source=found.source,
    )


def _place(score: float) -> float:
    return round(min(max((score - LOWEST) / (1 - LOWEST), 0.0), 1.0) * drawing.WIDTH, 1)
