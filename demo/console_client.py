"""A scripted console user: logs in, reads, decides, and listens to the live feed."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.accounts import Account

Json = dict[str, Any]
API = "/api/v1"
FEED_SILENCE_S = 40.0
"""The feed sends at least a keep-alive every 15 s; after this long it is dead."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of the live feed and when it arrived."""

    at: datetime
    event: str
    data: Json


@dataclass(slots=True)
class _Arrivals:
    items: list[Arrival] = field(default_factory=list)
    fault: str | None = None


class ConsoleClient:
    """A session of `account` on the server at `address`. Use as a context manager."""

    def __init__(self, address: str, account: Account) -> None:
        self.account = account
        self._http = httpx.Client(base_url=address, timeout=20.0, trust_env=False)
        self._feed_http = httpx.Client(base_url=address, timeout=FEED_SILENCE_S, trust_env=False)
        self._arrivals = _Arrivals()
        self._news = threading.Condition()

    def __enter__(self) -> Self:
        reply = self._http.post(
            f"{API}/session", json={"username": self.account.username, "password": self.account.password}
        )
        reply.raise_for_status()
        self._http.headers["X-CSRF-Token"] = reply.json()["csrf_token"]
        self._feed_http.cookies.update(self._http.cookies)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._feed_http.close()

    def get(self, path: str, **params: str) -> httpx.Response:
        """GET a path of the API; any status is returned."""
        return self._http.get(f"{API}{path}", params=params)

    def read(self, path: str, **params: str) -> Json:
        """The JSON object at a path of the API. Raises httpx.HTTPStatusError for anything but success."""
        answer: Json = self.get(path, **params).raise_for_status().json()
        return answer

    def download(self, path: str, start: int | None = None) -> httpx.Response:
        """The bytes at a path, from the offset `start` on if given."""
        headers = {} if start is None else {"Range": f"bytes={start}-"}
        return self._http.get(f"{API}{path}", headers=headers)

    def post(self, path: str, body: Json) -> httpx.Response:
        """POST JSON with the session's CSRF token; any status is returned."""
        return self._http.post(f"{API}{path}", json=body)

    def listen(self) -> None:
        """Start collecting the live feed's messages; returns once the server has opened it."""
        opened = threading.Event()
        threading.Thread(target=self._listen, args=(opened,), name="live feed", daemon=True).start()
        if not opened.wait(timeout=15.0):
            raise TimeoutError("the live feed did not open within 15 s")

    def arrivals(self) -> list[Arrival]:
        """All messages of the live feed so far. Raises ConnectionError if the feed broke."""
        with self._news:
            if self._arrivals.fault is not None:
                raise ConnectionError(f"the live feed of {self.account.username} broke: {self._arrivals.fault}")
            return list(self._arrivals.items)

    def wait_for_news(self, seen: int, timeout_s: float) -> list[Arrival]:
        """The feed's messages, once there are more than `seen` or `timeout_s` seconds have passed."""
        with self._news:
            self._news.wait_for(lambda: len(self._arrivals.items) > seen or self._arrivals.fault, timeout_s)
        return self.arrivals()

    def _listen(self, opened: threading.Event) -> None:
        try:
            with self._feed_http.stream("GET", f"{API}/feed") as reply:
                reply.raise_for_status()
                opened.set()
                for event, text in _messages(reply.iter_lines()):
                    arrival = Arrival(datetime.now(UTC), event, json.loads(text))
                    with self._news:
                        self._arrivals.items.append(arrival)
                        self._news.notify_all()
            fault = "the server ended it"
        except (httpx.HTTPError, RuntimeError) as error:
            fault = f"{type(error).__name__}: {error}"
        with self._news:
            self._arrivals.fault = fault
            self._news.notify_all()


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Event name and data of every message of a server-sent event stream (WHATWG HTML, 9.2.6)."""
    event, data = "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield event, "\n".join(data)
            event, data = "message", []
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                event = value
            elif name == "data":
                data.append(value)
