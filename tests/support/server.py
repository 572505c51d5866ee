"""A real server: uvicorn on a free port in a thread, real SQLite, two kampung and people of every role.

Fixtures for a folder's conftest: `from tests.support.server import live_server, server_template`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import pytest
import structlog
from argon2 import PasswordHasher

from contract.clock import Clock, SystemClock
from contract.event import ClipReference, Event, EventData, ThumbnailReference
from contract.heartbeat import CameraState, CameraTelemetry, Heartbeat
from server.auth.accounts import AccountService
from server.auth.devices import DeviceService
from server.auth.passwords import Passwords
from server.check.consistency import Consistency, Finding
from server.clips.files import MediaFiles
from server.permissions import Grant, Role
from server.provision import Site, apply_site
from server.serve import KentonganServer, build_server, prepare_folders
from server.services import Services, build_services
from server.settings import Settings
from server.store import migrate
from server.store.database import Database
from tests.support.events import NOON, event_data, new_id

API = "/api/v1"
PASSWORD = "correct horse battery"
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The real parameters need 64 MiB and tens of milliseconds for each hash, too much for tests with many log-ins."""

SITE = Site.model_validate(
    {
        "kampung": [{"id": "bahari", "name": "Kampung Bahari"}, {"id": "kenanga", "name": "Kampung Kenanga"}],
        "cameras": [
            {
                "id": "gate",
                "name": "Gerbang",
                "kampung_id": "bahari",
                "zones": [{"id": "ronda", "name": "Pos ronda"}],
            },
            {"id": "alley", "name": "Gang 3", "kampung_id": "bahari", "zones": [{"id": "ronda", "name": "Gang"}]},
            {"id": "market", "name": "Pasar", "kampung_id": "kenanga", "zones": [{"id": "ronda", "name": "Lapak"}]},
        ],
        "devices": [
            {"id": "box-1", "name": "Kotak Bahari", "cameras": ["gate", "alley"]},
            {"id": "box-2", "name": "Kotak Kenanga", "cameras": ["market"]},
        ],
    }
)
ACCOUNTS: dict[str, Grant] = {
    "operator-bahari": Grant(Role.OPERATOR, "bahari"),
    "operator-kenanga": Grant(Role.OPERATOR, "kenanga"),
    "auditor-bahari": Grant(Role.AUDITOR, "bahari"),
    "auditor-kenanga": Grant(Role.AUDITOR, "kenanga"),
    "auditor": Grant(Role.AUDITOR, None),
    "administrator-bahari": Grant(Role.ADMINISTRATOR, "bahari"),
    "administrator-kenanga": Grant(Role.ADMINISTRATOR, "kenanga"),
    "administrator": Grant(Role.ADMINISTRATOR, None),
}
CAMERA_OF = {"bahari": "gate", "kenanga": "market"}
DEVICE_OF = {"bahari": "box-1", "kenanga": "box-2"}


@dataclass(frozen=True, slots=True)
class Template:
    """A data folder with a provisioned database, and the devices' tokens."""

    folder: Path
    tokens: dict[str, str]


@dataclass(slots=True)
class LiveServer:
    """A running server. Use as a context manager; `services` must only be touched through `run`."""

    settings: Settings
    tokens: dict[str, str]
    clock: Clock = field(default_factory=SystemClock)
    send_buffer_bytes: int | None = None
    services: Services = field(init=False)
    base_url: str = field(init=False)
    _server: KentonganServer = field(init=False)
    _thread: threading.Thread = field(init=False)
    _clients: list[httpx.Client] = field(default_factory=list)

    def __enter__(self) -> Self:
        prepare_folders(self.settings)
        self.services = build_services(self.settings, self.clock, CHEAP_HASHER)
        listener = socket.create_server(("127.0.0.1", 0))
        if self.send_buffer_bytes is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.send_buffer_bytes)
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = build_server(self.services)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="live server")
        self._thread.start()
        deadline_s = time.monotonic() + 10.0
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline_s:
                raise RuntimeError("the server did not start; its log says why")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(timeout=15.0)
        assert not self._thread.is_alive(), "the server did not stop within 15 s"

    def client(self, **headers: str) -> httpx.Client:
        """An HTTP client without credentials."""
        client = httpx.Client(base_url=self.base_url, headers=headers, timeout=20.0, trust_env=False)
        self._clients.append(client)
        return client

    def device(self, device_id: str = "box-1") -> httpx.Client:
        """A client that sends the device's token."""
        return self.client(Authorization=f"Bearer {self.tokens[device_id]}")

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Client:
        """A client with a session of the account, which also sends its CSRF token."""
        client = self.client()
        answer = client.post(f"{API}/session", json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return client

    def new_alert(self, sequence: int = 1, kampung_id: str = "bahari", **changes: object) -> str:
        """Open an alert through the kampung's device; its id."""
        answer = send(self.device(DEVICE_OF[kampung_id]), event_of(sequence, kampung_id, **changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["alert_id"])


def event_of(sequence: int = 1, kampung_id: str = "bahari", **changes: object) -> Event:
    """A valid event of the kampung's camera and device."""
    place = {"kampung_id": kampung_id, "camera_id": CAMERA_OF[kampung_id], "device_id": DEVICE_OF[kampung_id]}
    return Event.wrap(new_id(), event_data(sequence, **{**place, **changes}))


def following(event: Event, sequence: int, **changes: object) -> Event:
    """A later event of the same signal."""
    fields = {**dict(event.data), "device_sequence": sequence, **changes}
    return Event.wrap(new_id(), EventData.model_validate(fields))


def send(client: httpx.Client, event: Event) -> httpx.Response:
    return client.post(
        f"{API}/ingest/events", content=event.to_json(), headers={"Content-Type": "application/cloudevents+json"}
    )


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem details of an answer, after checking its status and kind."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:kentongan:problem:{kind}", body
    assert body["status"] == status
    assert body["instance"].startswith("urn:kentongan:request:")
    return body


def with_thumbnail(event: Event, content: bytes) -> Event:
    """`event`, announcing `content` as its thumbnail."""
    reference = ThumbnailReference(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    return Event.wrap(event.id, event.data.model_copy(update={"thumbnail": reference}))


def with_clip(event: Event, content: bytes) -> Event:
    """`event`, announcing `content` as its sealed clip."""
    reference = ClipReference(
        clip_id=event.data.clip_id or new_id(),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        codec="avc1.64001f",
        starts_at=NOON - timedelta(seconds=10),
        duration_s=20.0,
        trigger_offset_s=10.0,
        frame_count=500,
    )
    return Event.wrap(event.id, event.data.model_copy(update={"clip": reference, "clip_id": reference.clip_id}))


def upload_clip(client: httpx.Client, clip_id: UUID, content: bytes, offset: int = 0) -> httpx.Response:
    """Send `content` as the bytes of a clip from `offset` on."""
    headers = {"Content-Type": "application/partial-upload", "Upload-Offset": str(offset)}
    return client.patch(f"{API}/ingest/clips/{clip_id}", content=content, headers=headers)


def heartbeat_of(device_id: str, camera_id: str, state: CameraState = CameraState.LIVE) -> Heartbeat:
    """A heartbeat of a device with one camera."""
    health = CameraTelemetry(
        camera_id=camera_id,
        state=state,
        last_frame_at=NOON,
        coverage=0.99,
        analysed_fps=5.0,
        dropped_frames=0,
        people_count=2,
    )
    return Heartbeat(
        device_id=device_id,
        sent_at=NOON,
        uptime_s=60.0,
        software_version="0.1.0",
        outbox_pending=0,
        outbox_bytes=0,
        last_sequence=1,
        cameras=(health,),
    )


async def _fill(url: str) -> dict[str, str]:
    database, clock = Database(url), SystemClock()
    try:
        await apply_site(database, clock, SITE, "shell:test")
        accounts = AccountService(database, clock, Passwords(CHEAP_HASHER), "shell:test")
        for name, grant in ACCOUNTS.items():
            await accounts.add(name, name.title(), PASSWORD, [grant])
        devices = DeviceService(database, clock)
        return {device.id: await devices.issue(device.id, "shell:test") for device in SITE.devices}
    finally:
        await database.close()


def consistency_findings(settings: Settings) -> list[Finding]:
    """The findings of `kentongan-server check` on a server's data."""

    async def look() -> list[Finding]:
        database = Database(settings.database)
        try:
            return await Consistency(database, MediaFiles(settings.clips)).findings()
        finally:
            await database.close()

    return asyncio.run(look())


@pytest.fixture(scope="session")
def server_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A provisioned data folder, made once and copied for each server."""
    folder = tmp_path_factory.mktemp("server-template")
    settings = Settings(data_dir=folder)
    prepare_folders(settings)
    migrate.upgrade(settings.database)
    return Template(folder, asyncio.run(_fill(settings.database)))


def copied_server(template: Template, data_dir: Path, clock: Clock | None = None, **settings: object) -> LiveServer:
    """A server on a copy of the template, not yet started: enter it to start it."""
    shutil.copytree(template.folder, data_dir)
    chosen = Settings.model_validate(
        {"data_dir": data_dir, "log": {"level": "warning"}, "storage": {"reserve_bytes": 0}, **settings}
    )
    return LiveServer(chosen, template.tokens, clock or SystemClock())


@pytest.fixture
def make_server(server_template: Template, tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Starts servers with the given settings; they stop when the test ends."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.stdlib.LoggerFactory(),
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
    )
    running: list[LiveServer] = []

    def make(clock: Clock | None = None, **settings: object) -> LiveServer:
        server = copied_server(server_template, tmp_path / f"server-{len(running)}", clock, **settings)
        server.__enter__()
        running.append(server)
        return server

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def live_server(make_server: Callable[..., LiveServer]) -> LiveServer:
    """A running server with two kampung, a device and camera in each, and people of every role."""
    return make_server()
