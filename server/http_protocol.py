"""HTTP/1.1 as uvicorn speaks it, with a bound on a request's head: the parser itself takes any, and waits for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""What a request line and headers may take; one read of the socket more may have arrived when it is noticed."""
HEAD_WITHIN_S = 30.0
"""A connection whose head is not whole for so long is closed."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeadProtocol(HttpToolsProtocol):
    """Cuts connections off whose request's head is too long, or does not come."""

    head_within_s = HEAD_WITHIN_S
    _head_bytes = 0
    _in_head = False
    _heads = 0
    _head_timeout: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_awaiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        began_in_head, heads = self._in_head, self._heads
        super().data_received(data)
        only_head = began_in_head and self._in_head and heads == self._heads
        self._head_bytes = self._head_bytes + len(data) if only_head else 0
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._heads += 1
        self._stop_awaiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True  # what comes next is the next request's; uvicorn itself closes an idle connection

    def _await_head(self) -> None:
        self._in_head = True
        self._stop_awaiting()
        self._head_timeout = self.loop.call_later(self.head_within_s, self._head_did_not_come)

    def _stop_awaiting(self) -> None:
        if self._head_timeout is not None:
            self._head_timeout.cancel()
            self._head_timeout = None

    def _head_did_not_come(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
