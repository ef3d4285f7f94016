"""What the gallery holds, whether the server answers, and figures for monitoring."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from stca.version import __version__
from stca.web import schemas
from stca.web.api.common import State

router = APIRouter(tags=["gallery"])


@router.get("/health")
def health() -> schemas.Health:
    """Whether the server answers; needs no token."""
    return schemas.Health(status="ok", version=__version__)


@router.get("/gallery")
def gallery_info(state: State) -> schemas.GalleryInfo:
    """Cameras, model, threshold and index."""
    return state.info()


@router.get("/cameras")
def cameras(state: State) -> list[schemas.Camera]:
    """Every camera, by name."""
    return state.snapshot().cameras_out()


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, state: State) -> Response:
    """Figures in the text format of Prometheus."""
    return Response(request.app.state.metrics.text(state), media_type=request.app.state.metrics.MEDIA_TYPE)
