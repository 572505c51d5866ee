"""The console's live feed, read by a program."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

FEED = "/api/v1/feed"
_END = object()


@dataclass(frozen=True, slots=True)
class Message:
    event: str
    id: int
    data: dict[str, Any]


@dataclass(slots=True)
class FeedReader:
    """Reads the feed in a thread. A context manager, which returns once the server has opened the stream."""

    client: httpx.Client
    after: int | None = None
    comments: int = 0
    _messages: queue.Queue[object] = field(default_factory=queue.Queue)
    _opened: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _answer: httpx.Response | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read, name="feed reader", daemon=True)
        self._thread.start()
        assert self._opened.wait(10), "the feed did not open within 10 s"
        assert self.comments, "the feed ended before it opened"
        return self

    def __exit__(self, *_: object) -> None:
        if self._answer is not None:
            # Closing the client would wait for the read in progress.
            link: socket.socket = self._answer.extensions["network_stream"].get_extra_info("socket")
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        assert self._thread is not None
        self._thread.join(10)
        self.client.close()

    def next(self, timeout_s: float = 10.0) -> Message:
        """The next message. Raises queue.Empty after `timeout_s`, EOFError when the stream has ended."""
        message = self._messages.get(timeout=timeout_s)
        if isinstance(message, Message):
            return message
        raise EOFError

    def nothing_more(self, within_s: float = 0.3) -> bool:
        """Whether no message arrives within `within_s` seconds."""
        try:
            self._messages.get(timeout=within_s)
        except queue.Empty:
            return True
        return False

    def ended(self, within_s: float = 10.0) -> bool:
        """Whether the server ends the stream within `within_s` seconds; skips messages before the end."""
        try:
            while self._messages.get(timeout=within_s) is not _END:
                pass
        except queue.Empty:
            return False
        return True

    def _read(self) -> None:
        headers = {"Last-Event-ID": str(self.after)} if self.after is not None else {}
        try:
            with self.client.stream("GET", FEED, headers=headers, timeout=60.0) as self._answer:
                self._parse(self._answer)
        except (httpx.HTTPError, RuntimeError, OSError):
            pass  # the test closed the client or the server hung up: the stream has ended
        finally:
            self._opened.set()
            self._messages.put(_END)

    def _parse(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        last_id = "0"
        for line in answer.iter_lines():
            if line.startswith(":"):
                self.comments += 1
                self._opened.set()
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                # As in a browser: an event without an id leaves the last one as it is.
                last_id = fields.get("id", last_id)
                self._messages.put(Message(fields["event"], int(last_id), json.loads(fields["data"])))
                fields = {}
