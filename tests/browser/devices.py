"""Simulated edge devices that send events to a real server, and a relay whose connections a test can cut."""

from __future__ import annotations

import hashlib
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import cv2
import numpy as np

from contract.event import ClipReference, Event, ThumbnailReference, TimedBox, TrackSummary
from contract.reasons import Reason
from tests.support.events import new_id
from tests.support.server import API, DEVICE_OF, LiveServer, event_of, following, send

TRIGGER_OFFSET_S = 4.0
CLIP_S = 8.0


@dataclass
class Devices:
    """Sends events as both devices do, each with its own sequence numbers.

    Each event is in a zone of its own unless the test names one, because alerts of one zone and rule form one incident.
    """

    server: LiveServer
    clip_bytes: bytes
    _sequences: dict[str, int] = field(default_factory=dict)

    def raise_alert(self, kampung_id: str = "bahari", **changes: object) -> tuple[str, Event]:
        """Send the first event of a loitering signal and its thumbnail. Returns the alert's id and the event."""
        captured_at = datetime.now(UTC) - timedelta(seconds=2)
        sequence = self._next(kampung_id)
        thumbnail = _thumbnail()
        fields: dict[str, object] = {
            "began_at": captured_at - timedelta(seconds=160),
            "captured_at": captured_at,
            "reasons": (
                Reason(code="stayed", params={"dwell_s": 160.0}),
                Reason(code="stayed_over_threshold", params={"threshold_s": 60.0}),
            ),
            "tracks": (_walk(),),
            "thumbnail": ThumbnailReference(sha256=hashlib.sha256(thumbnail).hexdigest(), size_bytes=len(thumbnail)),
            "clip_id": new_id(),
            "zone_id": "ronda" if sequence == 1 else f"ronda-{sequence}",
        }
        event = event_of(sequence, kampung_id, **(fields | changes))
        device = self.server.device(DEVICE_OF[kampung_id])
        answer = send(device, event)
        assert answer.status_code == 201, answer.text
        put = device.put(
            f"{API}/ingest/events/{event.id}/thumbnail", content=thumbnail, headers={"Content-Type": "image/jpeg"}
        )
        assert put.status_code in {200, 201}, put.text
        return str(answer.json()["alert_id"]), event

    def upload_clip(self, event: Event, **changes: object) -> None:
        """Announce the clip of a signal and upload it."""
        kampung_id = event.data.kampung_id
        clip = ClipReference.model_validate(
            {
                "clip_id": event.data.clip_id,
                "sha256": hashlib.sha256(self.clip_bytes).hexdigest(),
                "size_bytes": len(self.clip_bytes),
                "codec": "avc1.64000d",
                "starts_at": event.data.captured_at - timedelta(seconds=TRIGGER_OFFSET_S),
                "duration_s": CLIP_S,
                "trigger_offset_s": TRIGGER_OFFSET_S,
                "frame_count": 80,
                **changes,
            }
        )
        device = self.server.device(DEVICE_OF[kampung_id])
        answer = send(device, following(event, self._next(kampung_id), phase="continues", clip=clip))
        assert answer.status_code == 201, answer.text
        headers = {"Upload-Offset": "0", "Content-Type": "application/partial-upload"}
        patch = device.patch(f"{API}/ingest/clips/{clip.clip_id}", content=self.clip_bytes, headers=headers)
        assert patch.status_code == 204, patch.text
        assert patch.headers["Upload-Complete"] == "?1"

    def raise_alert_with_clip(self, kampung_id: str = "bahari", **changes: object) -> str:
        """Send an event and upload its clip. Returns the alert's id."""
        alert_id, event = self.raise_alert(kampung_id, **changes)
        self.upload_clip(event)
        return alert_id

    def _next(self, kampung_id: str) -> int:
        self._sequences[kampung_id] = self._sequences.get(kampung_id, 0) + 1
        return self._sequences[kampung_id]


def _walk() -> TrackSummary:
    """A track that crosses the frame at constant speed, from 4 s before the trigger to 4 s after it."""
    boxes = tuple(
        TimedBox(offset_s=offset_s, box=(0.45 + offset_s / 20, 0.3, 0.55 + offset_s / 20, 0.8))
        for offset_s in (step / 2 for step in range(-8, 9))
    )
    return TrackSummary(track_id=7, boxes=boxes)


def _thumbnail() -> bytes:
    ramp = np.tile(np.linspace(40, 200, 320, dtype=np.uint8), (192, 1))
    done, jpeg = cv2.imencode(".jpg", ramp)
    assert done
    return jpeg.tobytes()


class Relay:
    """Forwards TCP connections to a server; a test can cut them and redirect the address to another server."""

    def __init__(self, target_url: str) -> None:
        self._target = _address(target_url)
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._port = 0
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        if self._listener is not None:
            # A blocked accept() only wakes on shutdown, not on close.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def restore(self, target_url: str) -> None:
        """Accept connections again at the same address, for the given server."""
        self._target = _address(target_url)
        self._listen()

    def close(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(timeout=5.0)

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
                self._start(_pump, near, far)
                self._start(_pump, far, near)

    def _start(self, work: object, *arguments: socket.socket) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, name="relay", daemon=True)
        self._threads.append(thread)
        thread.start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
