"""The live feed as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from contract.errors import KentonganError
from server.api.present import alert_summary, camera_status
from server.api.schemas import FeedAlert, FeedCameras
from server.auth.sessions import Person
from server.deps import AlertReader, ServicesDep
from server.live.feed import FeedBatch
from server.permissions import Permission
from server.services import Services

router = APIRouter(prefix="/api/v1/feed", tags=["feed"])
RECONNECT_AFTER_MS = 2000


def resume_after(
    last_event_id: Annotated[int | None, Query(ge=0, description="for clients that cannot send the header")] = None,
    header: Annotated[int | None, Header(alias="Last-Event-ID", ge=0)] = None,
) -> int | None:
    """Where to go on: the header, which a browser sends by itself when it reconnects, goes before the query."""
    return header if header is not None else last_event_id


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "events named alert and cameras"}},
)
async def live_feed(
    person: AlertReader, services: ServicesDep, after: Annotated[int | None, Depends(resume_after)]
) -> EventSourceResponse:
    """Alerts that are created or updated and cameras whose state changes, from now on or after Last-Event-ID.

    `alert` events carry FeedAlert, `cameras` events FeedCameras; the event id is the feed sequence. The stream ends
    when the session does; a client that does not keep up is cut off and resumes with Last-Event-ID.
    """
    live = services.settings.live
    services.feed.admit(person.user_id)
    return EventSourceResponse(
        _events(services, person, after),
        ping=live.keepalive_s,
        ping_message_factory=lambda: ServerSentEvent(comment="keep-alive"),
        send_timeout=live.send_timeout_s,
        sep="\n",
    )


async def _events(services: Services, person: Person, after: int | None) -> AsyncIterator[ServerSentEvent]:
    # A first word at once: proxies and browsers show the stream as open only after some bytes.
    yield ServerSentEvent(comment="open", retry=RECONNECT_AFTER_MS)
    news = services.feed.follow(person.user_id, lambda: services.sessions.still(person), after)
    try:
        async with aclosing(news):
            async for person_now, batch in news:
                for event in _render(services, person_now, batch):
                    yield event
    except KentonganError:
        # The session is over: the stream ends, and the console learns the reason from its next request.
        return


def _render(services: Services, person: Person, batch: FeedBatch) -> list[ServerSentEvent]:
    pictures = person.scope(Permission.PICTURE_VIEW)
    events = []
    for entry in batch.entries:
        if entry.alert is not None:
            for mate in entry.raised:
                if mate.named.alert.id != entry.alert.named.alert.id:
                    # Without an id: a client that is cut off here has not had the entry, and gets all of it again.
                    message = FeedAlert(kind="updated", alert=alert_summary(mate, pictures), raised=True)
                    events.append(ServerSentEvent(message.model_dump_json(), event="alert"))
            kind = "created" if entry.kind == "created" else "updated"
            message = FeedAlert(kind=kind, alert=alert_summary(entry.alert, pictures), raised=bool(entry.raised))
            events.append(ServerSentEvent(message.model_dump_json(), event="alert", id=str(entry.sequence)))
        elif entry.camera is not None:
            status = camera_status(entry.camera, services.cameras.state_of(entry.camera))
            data = FeedCameras(cameras=[status]).model_dump_json()
            events.append(ServerSentEvent(data, event="cameras", id=str(entry.sequence)))
    return events
