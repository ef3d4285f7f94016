"""One tracklet: it plays, in its whole frame, where the network looked, how sure an answer is."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from stca.errors import StcaError
from stca.gallery.records import Record
from stca.tracks import TrackRecord, read_track
from stca.web.pages.rendering import render, state_of
from stca.web.pages.tiles import camera_folder, frame_url, person_tile, tracklet_tile
from stca.web.state import ServerState

router = APIRouter()
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
        judged=state.judgements(asked.key).get(key) if asked else None,
        calibration=calibration,
        accepted=None if score is None or calibration is None else score >= calibration.threshold,
        curve=curve_of(state, score),
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
    folder = camera_folder(record)
    track = _track(record)
    if folder is None or track is None:
        return None
    try:
        video = state.footage.video(folder)
    except StcaError:
        return None
    around = round(AROUND * video.frame_rate)
    first, last = track.frames[0].frame, track.frames[-1].frame
    last_shown = last + around if video.num_frames is None else min(last + around, video.num_frames)
    return {
        "folder": folder,
        "poster": frame_url(folder, track.frames[len(track.frames) // 2].frame),
        "address": frame_url(folder, 0).removesuffix("0"),
        "first": max(1, first - around),
        "last": max(last_shown, last),
        "begins": first,
        "ends": last,
        "rate": video.frame_rate,
        "width": video.width,
        "height": video.height,
        "boxes": json.dumps({frame.frame: [round(value, 1) for value in frame.box] for frame in track.frames}),
    }


def _track(record: Record) -> TrackRecord | None:
    if record.folder is None:
        return None
    try:
        return read_track(record.folder)
    except StcaError:
        return None


def why_url(key: str, asked: str | None) -> str:
    """The address of the picture of where the network looked."""
    return f"/media/why/{quote(key)}" + (f"?answer={quote(asked, safe='')}" if asked else "")


def curve_of(state: ServerState, score: float | None) -> Any:
    """The calibration curve; None where none is known."""
    return None
