"""Thumbnails and clips. Every first view of a clip in a session is written to the audit log."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from server.deps import PictureViewer, ServicesDep

router = APIRouter(prefix="/api/v1/alerts", tags=["media"])
_PRIVATE = {"Cache-Control": "no-store", "Content-Disposition": "inline"}


class MediaResponse(FileResponse):
    """A file, with Range; ranges that make no sense are answered as problems like every other error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unless_refused(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in {400, 416}:
                headers = {
                    name.decode(): value.decode() for name, value in message["headers"] if name == b"content-range"
                }
                raise HTTPException(message["status"], "the Range header asks for bytes that are not there", headers)
            await send(message)

        await super().__call__(scope, receive, send_unless_refused)


@router.get(
    "/{alert_id}/thumbnail",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}}, "description": "the still picture"}},
)
async def get_thumbnail(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> MediaResponse:
    """The still picture of the moment the rule fired, privacy masks burnt in."""
    picture = await services.media.thumbnail(person, alert_id)
    return MediaResponse(picture.path, media_type="image/jpeg", headers=_PRIVATE)


@router.get(
    "/{alert_id}/clip",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "the whole clip"},
        206: {"content": {"video/mp4": {}}, "description": "the ranges asked for"},
        416: {"description": "the range lies outside the clip"},
    },
)
async def get_clip(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> MediaResponse:
    """The stored clip; takes Range."""
    clip = await services.media.clip(person, alert_id)
    return MediaResponse(clip.path, media_type="video/mp4", headers=_PRIVATE)


@router.head("/{alert_id}/clip", response_class=FileResponse)
async def head_clip(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> MediaResponse:
    """How large the clip is; counts as a view, as its holder learns that it exists."""
    return await get_clip(alert_id, person, services)
