"""Tracked videos: play one, pause it, draw a box around somebody, and ask who it is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from stca.web.api.common import state_of
from stca.web.pages.shown.rendering import render
from stca.web.pages.shown.tiles import frame_url

router = APIRouter()


@router.get("/videos")
def videos(request: Request) -> Response:
    """Every video that was tracked."""
    state = state_of(request)
    return render(
        request, "videos.html", videos=state.footage.all(), allowed=bool(state.settings.videos), jobs=True
    )


@router.get("/videos/{camera}")
def video(request: Request, camera: str, frame: int = 1) -> Response:
    """One video, frame by frame."""
    found = state_of(request).footage.video(camera)
    last = found.num_frames or 10**9
    return render(
        request,
        "video.html",
        video=found,
        folder=camera,
        address_of_frames=frame_url(camera, 0).removesuffix("0"),
        frame=min(max(frame, 1), last),
        last=last,
    )
