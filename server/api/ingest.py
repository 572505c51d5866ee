"""What edge devices send: events first, then thumbnails, then clips in pieces; and heartbeats. They read verdicts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ValidationError

from contract.errors import ErrorKind, KentonganError
from contract.event import Event
from contract.heartbeat import Heartbeat
from contract.ids import MAX_COUNT
from contract.verdict import MAX_VERDICTS, VerdictPage
from server.api.schemas import IngestReceipt
from server.deps import DeviceDep, ServicesDep
from server.http_errors import InvalidBodyError
from server.ingest.clips import UploadStatus

router = APIRouter(prefix="/api/v1/ingest", tags=["ingest"])
PARTIAL_UPLOAD = "application/partial-upload"


def _body(schema: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"requestBody": {"required": True, "content": content}}


def _binary(media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/events",
    status_code=201,
    responses={200: {"model": IngestReceipt, "description": "the event was known already"}},
    openapi_extra=_body("Event", "application/cloudevents+json"),
)
async def accept_event(request: Request, response: Response, device: DeviceDep, services: ServicesDep) -> IngestReceipt:
    """Store an event once. 201 for a new one, 200 for one that is known, 409 if its id is known with other content."""
    body = await request.body()
    try:
        event = Event.model_validate_json(body)
    except ValidationError as error:
        services.metrics.events.labels("malformed").inc()
        raise InvalidBodyError(error) from None
    receipt = await services.ingest.events.accept(device, event)
    services.metrics.events.labels("duplicate" if receipt.duplicate else "accepted").inc()
    if receipt.duplicate:
        response.status_code = 200
    return IngestReceipt(event_id=receipt.event_id, alert_id=receipt.alert_id, duplicate=receipt.duplicate)


@router.put(
    "/events/{event_id}/thumbnail",
    status_code=201,
    response_class=Response,
    responses={200: {"description": "the thumbnail was here already"}},
    openapi_extra=_binary("image/jpeg"),
)
async def put_thumbnail(event_id: UUID, request: Request, device: DeviceDep, services: ServicesDep) -> Response:
    """Store the thumbnail that an accepted event announced. 201 when it is new, 200 when it is here already."""
    created = await services.ingest.thumbnails.put(device, event_id, await request.body())
    return Response(status_code=201 if created else 200)


@router.head("/clips/{clip_id}", response_class=Response)
async def clip_status(clip_id: UUID, device: DeviceDep, services: ServicesDep) -> Response:
    """How many bytes of an announced clip are stored."""
    return _upload_response(200, await services.ingest.uploads.status(device, clip_id))


@router.patch("/clips/{clip_id}", status_code=204, response_class=Response, openapi_extra=_binary(PARTIAL_UPLOAD))
async def append_clip(
    clip_id: UUID,
    request: Request,
    device: DeviceDep,
    services: ServicesDep,
    upload_offset: Annotated[int, Header(ge=0, description="bytes stored so far")],
) -> Response:
    """Append the next bytes of a clip. 409 with the right Upload-Offset when they do not follow what is stored."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if media_type != PARTIAL_UPLOAD:
        raise KentonganError(ErrorKind.BAD_INPUT, f"expected Content-Type {PARTIAL_UPLOAD}")
    return _upload_response(204, await services.ingest.uploads.append(device, clip_id, upload_offset, request.stream()))


@router.post(
    "/heartbeats", status_code=204, response_class=Response, openapi_extra=_body("Heartbeat", "application/json")
)
async def accept_heartbeat(request: Request, device: DeviceDep, services: ServicesDep) -> Response:
    """Take note of how a device and its cameras are."""
    try:
        heartbeat = Heartbeat.model_validate_json(await request.body())
    except ValidationError as error:
        raise InvalidBodyError(error) from None
    await services.ingest.heartbeats.accept(device, heartbeat)
    return Response(status_code=204)


@router.get("/verdicts")
async def list_verdicts(
    device: DeviceDep,
    services: ServicesDep,
    after: Annotated[int, Query(ge=0, le=MAX_COUNT, description="`cursor` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_VERDICTS)] = MAX_VERDICTS,
) -> VerdictPage:
    """The verdicts on the device's own alerts, oldest decision first; without names and notes."""
    return await services.ingest.verdicts.page(device, after, limit)


def _upload_response(status_code: int, status: UploadStatus) -> Response:
    headers = {
        "Upload-Offset": str(status.offset),
        "Upload-Complete": "?1" if status.complete else "?0",
        "Upload-Length": str(status.length),
        "Cache-Control": "no-store",
    }
    return Response(status_code=status_code, headers=headers)
