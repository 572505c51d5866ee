"""Who gets in where: docs/permissions.md, row by row and column by column."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from contract.event import Event, Phase
from server.app import UndeclaredRouteError, create_app, guard_of, routes_of
from server.permissions import ROLE_PERMISSIONS, Admission, Role
from server.services import build_services
from server.settings import Settings
from tests.support.server import (
    API,
    LiveServer,
    Template,
    copied_server,
    event_of,
    following,
    heartbeat_of,
    send,
    upload_clip,
    with_clip,
    with_thumbnail,
)

DOCUMENT = (Path(__file__).parents[2] / "docs/permissions.md").read_text(encoding="utf-8")
COLUMNS = (
    None,
    "operator-bahari",
    "operator-kenanga",
    "auditor-bahari",
    "auditor-kenanga",
    "administrator-bahari",
    "administrator-kenanga",
)
THUMBNAIL = b"\xff\xd8\xff\xe0 a thumbnail"
CLIP = b"a clip's bytes" * 100


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = DOCUMENT.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[2:]]


PEOPLE_ROWS = _rows("Routes for people")
DEVICE_ROWS = _rows("Routes for devices")
PEOPLE_CASES = [
    pytest.param(row[0], account, expected, id=f"{row[0]} by {account or 'nobody'}")
    for row in PEOPLE_ROWS
    for account, expected in zip(COLUMNS, row[2:], strict=True)
]
DEVICE_CASES = [
    pytest.param(row[0], caller, int(expected), id=f"{row[0]} by {caller}")
    for row in DEVICE_ROWS
    for caller, expected in zip(("nobody", "a person", "own device", "another device"), row[1:], strict=True)
]


@pytest.fixture(scope="module")
def app(server_template: Template) -> FastAPI:
    return create_app(build_services(Settings(data_dir=server_template.folder)))


def test_the_document_lists_every_route_with_what_it_asks_for(app: FastAPI) -> None:
    declared = {
        f"{method} {route.path}": guard_of(route).admits.value
        for route in routes_of(app)
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    documented = {row[0]: row[1] for row in PEOPLE_ROWS} | {row[0]: Admission.DEVICE.value for row in DEVICE_ROWS}
    assert documented == declared


def test_the_document_lists_every_role_with_its_permissions() -> None:
    documented = {row[0]: set(re.findall(r"[a-z]+\.[a-z]+", row[1])) for row in _rows("Roles")}
    assert documented == {role.value: {p.value for p in ROLE_PERMISSIONS[role]} for role in Role}


def _everything() -> str:
    return "secrets"


def test_an_application_with_an_undeclared_route_does_not_start(
    server_template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = APIRouter()
    careless.add_api_route("/api/v1/everything", _everything)
    monkeypatch.setattr("server.app.ROUTERS", (careless,))
    with pytest.raises(UndeclaredRouteError, match="0 guards"):
        create_app(build_services(Settings(data_dir=server_template.folder)))


@dataclass(frozen=True, slots=True)
class Site:
    server: LiveServer
    event: Event
    clip_id: str
    alert_id: str


@pytest.fixture(scope="module")
def site(server_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with one alert in kampung Bahari that has a thumbnail and a clip."""
    folder = tmp_path_factory.mktemp("permissions") / "data"
    log_in = {"attempts_per_account": 10_000, "attempts_per_address": 10_000}
    with copied_server(server_template, folder, log_in=log_in) as server:
        # Of just now: some answers look back from today.
        event = with_thumbnail(event_of(1, captured_at=datetime.now(UTC)), THUMBNAIL)
        device = server.device()
        receipt = send(device, event)
        device.put(f"{API}/ingest/events/{event.id}/thumbnail", content=THUMBNAIL)
        sealed = with_clip(following(event, 2, phase=Phase.CONTINUES), CLIP)
        assert send(device, sealed).status_code == 201
        assert sealed.data.clip is not None
        assert upload_clip(device, sealed.data.clip.clip_id, CLIP).status_code == 204
        yield Site(server, event, str(sealed.data.clip.clip_id), receipt.json()["alert_id"])


@pytest.mark.parametrize(("route", "account", "expected"), PEOPLE_CASES)
def test_a_route_answers_a_person_as_documented(site: Site, route: str, account: str | None, expected: str) -> None:
    client = site.server.log_in(account) if account else site.server.client()
    method, path = route.split(" ", 1)
    if path.endswith("/feed"):
        answer = _first_of_feed(client, f"{path}?last_event_id=0")
    else:
        answer = _ask(site, client, method, path)
    wanted = 200 if expected == "empty" else int(expected)
    assert answer.status_code == wanted, answer.text
    if account and account.endswith("kenanga") and path.startswith("/api"):
        assert "bahari" not in answer.text.replace(account, "").lower()
        assert site.alert_id not in answer.text
    elif wanted == 200 and method == "GET" and path.startswith("/api"):
        assert "bahari" in answer.text or answer.content in {THUMBNAIL, CLIP}


def _ask(site: Site, client: httpx.Client, method: str, path: str) -> httpx.Response:
    bodies: dict[str, dict[str, Any]] = {
        "POST /api/v1/session": {"username": "operator-kenanga", "password": "correct horse battery"},
        "PATCH /api/v1/session": {"language": "en"},
        "POST /api/v1/alerts/{alert_id}/transitions": {"to": "acknowledged", "expected_version": 1},
        "POST /api/v1/alerts/{alert_id}/notes": {"note": "seen", "expected_version": 1},
    }
    body = bodies.get(f"{method} {path}")
    alert_id = site.server.new_alert() if body and "alert_id" in path else site.alert_id
    url = path.replace("{alert_id}", alert_id).replace("{path:path}", "")
    return client.request(method, url, json=body)


def _first_of_feed(client: httpx.Client, url: str) -> httpx.Response:
    """The answer to a request for the feed, with as much text as comes within a short time."""
    with client.stream("GET", url, timeout=httpx.Timeout(5.0, read=0.5)) as answer:
        if answer.status_code != 200:
            answer.read()
            return answer
        text = ""
        try:
            for line in answer.iter_lines():
                text += line + "\n"
                if line.startswith("data:"):
                    break
        except httpx.ReadTimeout:
            pass
        return httpx.Response(200, text=text)


@pytest.mark.parametrize(("route", "caller", "expected"), DEVICE_CASES)
def test_a_route_answers_a_device_as_documented(site: Site, route: str, caller: str, expected: int) -> None:
    server = site.server
    clients: dict[str, Callable[[], httpx.Client]] = {
        "nobody": server.client,
        "a person": lambda: server.log_in("administrator"),
        "own device": server.device,
        "another device": lambda: server.device("box-2"),
    }
    client = clients[caller]()
    method, path = route.split(" ", 1)
    url = path.replace("{event_id}", str(site.event.id)).replace("{clip_id}", site.clip_id)
    contents = {
        "events": event_of(7).to_json(),
        "thumbnail": THUMBNAIL,
        "heartbeats": heartbeat_of("box-1", "gate").model_dump_json().encode(),
    }
    headers = {"Upload-Offset": "0", "Content-Type": "application/partial-upload"} if method == "PATCH" else {}
    content = contents.get(path.rsplit("/", 1)[1]) if method != "HEAD" else None
    answer = client.request(method, url, content=content, headers=headers)
    assert answer.status_code == expected, answer.text


def test_an_unknown_alert_and_one_elsewhere_are_answered_alike(site: Site) -> None:
    client = site.server.log_in("operator-kenanga")
    elsewhere, unknown = (
        client.get(f"{API}/alerts/{alert_id}").json()
        for alert_id in (site.alert_id, "01919191-0000-7000-8000-000000000000")
    )
    assert {**elsewhere, "instance": None} == {**unknown, "instance": None}


def test_filters_do_not_widen_what_is_granted(site: Site) -> None:
    insider, outsider = site.server.log_in("operator-bahari"), site.server.log_in("operator-kenanga")
    for query in ({"kampung": "bahari"}, {"camera": "gate"}, {"state": "new"}):
        seen = [one["id"] for one in insider.get(f"{API}/alerts", params=query).json()["items"]]
        assert site.alert_id in seen, query
        assert outsider.get(f"{API}/alerts", params=query).json()["items"] == []


def test_the_stored_clip_comes_as_it_was_sent(site: Site) -> None:
    answer = site.server.log_in("auditor-bahari").get(f"{API}/alerts/{site.alert_id}/clip")
    assert hashlib.sha256(answer.content).hexdigest() == hashlib.sha256(CLIP).hexdigest()
