"""Thumbnails and clips. Every first view of a clip in a session is written to the audit log."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import FileResponse

from server.deps import PictureViewer, ServicesDep

router = APIRouter(prefix="/api/v1/alerts", tags=["media"])
_PRIVATE = {"Cache-Control": "no-store", "Content-Disposition": "inline"}


@router.get(
    "/{alert_id}/thumbnail",
    response_class=FileResponse,
    responses={200: {"content": {"image/jpeg": {}}, "description": "the still picture"}},
)
async def get_thumbnail(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> FileResponse:
    """The still picture of the moment the rule fired, privacy masks burnt in."""
    picture = await services.media.thumbnail(person, alert_id)
    return FileResponse(picture.path, media_type="image/jpeg", headers=_PRIVATE)


@router.get(
    "/{alert_id}/clip",
    response_class=FileResponse,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "the whole clip"},
        206: {"content": {"video/mp4": {}}, "description": "the ranges asked for"},
        416: {"description": "the range lies outside the clip"},
    },
)
async def get_clip(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> FileResponse:
    """The stored clip; takes Range."""
    clip = await services.media.clip(person, alert_id)
    return FileResponse(clip.path, media_type="video/mp4", headers=_PRIVATE)


@router.head("/{alert_id}/clip", response_class=FileResponse)
async def head_clip(alert_id: UUID, person: PictureViewer, services: ServicesDep) -> FileResponse:
    """How large the clip is; counts as a view, as its holder learns that it exists."""
    return await get_clip(alert_id, person, services)
