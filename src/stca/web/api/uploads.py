"""Uploads: pictures and short videos of somebody to be searched for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool

from stca.web import actions, schemas
from stca.web.api.common import State, Who
from stca.web.state import ServerState
from stca.web.uploads import QUERY

router = APIRouter(tags=["uploads"])
UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "start": {"type": "string", "description": "when videos began, POSIX seconds"},
                    },
                }
            }
        },
    }
}
"""The body of uploads, which FastAPI does not read, so that it is bounded while it arrives."""


@router.post("/uploads", status_code=201, openapi_extra=FORM, max_body_size=QUERY.bytes + (1 << 20))
async def upload(request: Request, state: State, who: Who) -> schemas.Upload:
    """Pictures, a zip of pictures, or a short video; they are encoded anew, and deleted after an hour."""
    state.upload_rate.require(who.name)
    identifier = await state.uploads.add(request)
    await run_in_threadpool(actions.log_upload, state, who, identifier)
    return await run_in_threadpool(upload_out, state, identifier)


@router.get("/uploads/{identifier}")
def get_upload(state: State, identifier: UploadId) -> schemas.Upload:
    """An upload."""
    return upload_out(state, identifier)


@router.delete("/uploads/{identifier}", status_code=204)
def remove_upload(state: State, who: Who, identifier: UploadId) -> None:
    """Delete an upload."""
    state.uploads.get(identifier)
    state.audit.write(who.name, who.role, "remove upload", upload=identifier)
    state.uploads.remove(identifier)


def upload_out(state: ServerState, identifier: str) -> schemas.Upload:
    """An upload as the interface gives it."""
    found = state.uploads.get(identifier)
    return schemas.Upload(
        id=identifier,
        title=state.uploads.title(identifier),
        kind=found.kind,
        pictures=[
            schemas.Picture(
                number=number,
                width=picture.width,
                height=picture.height,
                address=f"/media/upload/{identifier}/{number}",
                crop=picture.height >= 1.2 * picture.width,
            )
            for number, picture in enumerate(found.pictures, start=1)
        ],
        notes=list(found.notes),
        expires=state.uploads.expires(identifier),
    )
