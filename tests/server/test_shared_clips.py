"""Several alerts about one clip: one upload, one file, a moment of each alert's own, and no way to another camera's."""

from __future__ import annotations

import os

import pytest

from contract.event import Event, EventData, Phase
from tests.support.events import new_id
from tests.support.server import (
    API,
    LiveServer,
    consistency_findings,
    event_of,
    following,
    problem,
    send,
    upload_clip,
    with_clip,
)

CLIP = os.urandom(50_000)
CONTINUES = Phase.CONTINUES


def sharing(event: Event, sequence: int, clip: Event, offset_s: float) -> Event:
    """`event` going on with the clip of another signal, in which its own moment is at `offset_s`."""
    assert clip.data.clip is not None
    reference = clip.data.clip.model_copy(update={"trigger_offset_s": offset_s})
    return following(event, sequence, phase=CONTINUES, clip_id=reference.clip_id, clip=reference)


def test_alerts_that_share_a_clip_all_have_it_after_one_upload(live_server: LiveServer) -> None:
    device, clip_id = live_server.device(), new_id()
    crowd, stay = event_of(1, clip_id=clip_id), event_of(2, clip_id=clip_id)
    alerts = [send(device, event).json()["alert_id"] for event in (crowd, stay)]
    sealed = with_clip(following(crowd, 3, phase=CONTINUES), CLIP)
    assert send(device, sealed).status_code == 201
    assert send(device, sharing(stay, 4, sealed, 13.5)).status_code == 201
    assert upload_clip(device, clip_id, CLIP).status_code == 204
    operator = live_server.log_in("operator-bahari")
    details = [operator.get(f"{API}/alerts/{alert_id}").json() for alert_id in alerts]
    assert [detail["clip"]["trigger_offset_s"] for detail in details] == [10.0, 13.5]
    assert [(detail["has_clip"], detail["clip"]["uploaded"]) for detail in details] == [(True, True)] * 2
    assert all(operator.get(f"{API}/alerts/{alert_id}/clip").content == CLIP for alert_id in alerts)
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


def test_an_alert_that_joins_a_stored_clip_has_it_at_once(live_server: LiveServer) -> None:
    device, clip_id = live_server.device(), new_id()
    sealed = with_clip(event_of(1, clip_id=clip_id), CLIP)
    send(device, sealed)
    upload_clip(device, clip_id, CLIP)
    stay = event_of(2, clip_id=clip_id)
    alert_id = send(device, stay).json()["alert_id"]
    assert send(device, sharing(stay, 3, sealed, 12.0)).status_code == 201
    detail = live_server.log_in("operator-bahari").get(f"{API}/alerts/{alert_id}").json()
    assert (detail["has_clip"], detail["clip"]["trigger_offset_s"]) == (True, 12.0)


def test_the_feed_tells_of_every_alert_that_the_upload_completed(live_server: LiveServer) -> None:
    device, clip_id = live_server.device(), new_id()
    crowd, stay = event_of(1, clip_id=clip_id), event_of(2, clip_id=clip_id)
    for event in (crowd, stay):
        send(device, event)
    sealed = with_clip(following(crowd, 3, phase=CONTINUES), CLIP)
    send(device, sealed)
    send(device, sharing(stay, 4, sealed, 12.0))
    operator = live_server.log_in("operator-bahari")
    before = {one["id"]: one["updated_at"] for one in operator.get(f"{API}/alerts").json()["items"]}
    upload_clip(device, clip_id, CLIP)
    after = {one["id"]: one["updated_at"] for one in operator.get(f"{API}/alerts").json()["items"]}
    assert len(after) == 2
    assert all(after[alert_id] > before[alert_id] for alert_id in after)


@pytest.mark.parametrize(
    ("kampung_id", "camera_id"), [("bahari", "alley"), ("kenanga", "market")], ids=["another camera", "another kampung"]
)
def test_a_clip_is_never_shared_beyond_its_camera(live_server: LiveServer, kampung_id: str, camera_id: str) -> None:
    sealed = with_clip(event_of(1), CLIP)
    assert send(live_server.device(), sealed).status_code == 201
    assert sealed.data.clip is not None
    upload_clip(live_server.device(), sealed.data.clip.clip_id, CLIP)
    device_id = "box-1" if kampung_id == "bahari" else "box-2"
    elsewhere = event_of(2, kampung_id, camera_id=camera_id)
    assert elsewhere.data.device_id == device_id
    stolen = Event.wrap(
        new_id(),
        EventData.model_validate(
            dict(elsewhere.data) | {"clip_id": sealed.data.clip.clip_id, "clip": sealed.data.clip}
        ),
    )
    problem(send(live_server.device(device_id), stolen), 409, "conflict")
    promised = event_of(3, kampung_id, camera_id=camera_id, clip_id=sealed.data.clip.clip_id)
    problem(send(live_server.device(device_id), promised), 409, "conflict")


def test_a_promise_made_before_the_clip_was_known_gives_another_camera_nothing(live_server: LiveServer) -> None:
    clip_id = new_id()
    promised = event_of(1, camera_id="alley", clip_id=clip_id)
    alert_id = send(live_server.device(), promised).json()["alert_id"]
    assert send(live_server.device(), with_clip(event_of(2, clip_id=clip_id), CLIP)).status_code == 201
    upload_clip(live_server.device(), clip_id, CLIP)
    operator = live_server.log_in("operator-bahari")
    assert operator.get(f"{API}/alerts/{alert_id}").json()["has_clip"] is False
    problem(operator.get(f"{API}/alerts/{alert_id}/clip"), 404, "not-found")


def test_a_promise_made_before_the_clip_was_known_opens_no_other_kampung(live_server: LiveServer) -> None:
    clip_id = new_id()
    promised = event_of(1, "kenanga", clip_id=clip_id)
    alert_id = send(live_server.device("box-2"), promised).json()["alert_id"]
    assert send(live_server.device(), with_clip(event_of(2, clip_id=clip_id), CLIP)).status_code == 201
    upload_clip(live_server.device(), clip_id, CLIP)
    operator = live_server.log_in("operator-kenanga")
    detail = operator.get(f"{API}/alerts/{alert_id}").json()
    assert (detail["has_clip"], detail["clip"]) == (False, None)
    problem(operator.get(f"{API}/alerts/{alert_id}/clip"), 404, "not-found")
