"""A link that breaks: a TCP relay that resets connections in the middle of requests and replies."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BreakingLink:
    """Relays to `target_port`. Each connection carries `next_budget_bytes()` bytes, both directions together, and is
    then reset."""

    def __init__(self, target_port: int, next_budget_bytes: Callable[[], int]) -> None:
        self._target_port = target_port
        self._next_budget_bytes = next_budget_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cuts = 0
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="link")
        self._accepting.start()

    def close(self) -> None:
        """Stop relaying and end every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._relay, args=(near,))
            self._threads.append(thread)
            thread.start()

    def _relay(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._target_port)) as far:
            budget = _Budget(self._next_budget_bytes())
            back = threading.Thread(target=_pump, args=(far, near, budget))
            back.start()
            _pump(near, far, budget)
            back.join()
            self.cuts += budget.left_bytes <= 0


class _Budget:
    def __init__(self, left_bytes: int) -> None:
        self.left_bytes = left_bytes
        self._lock = threading.Lock()

    def spend(self, wanted_bytes: int) -> int:
        with self._lock:
            granted = min(wanted_bytes, self.left_bytes)
            self.left_bytes -= granted
            return granted


def _pump(source: socket.socket, sink: socket.socket, budget: _Budget) -> None:
    """Relay bytes until one side ends or the budget is spent; then reset both connections, as a cut link appears to
    both ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(16_384):
            granted = budget.spend(len(data))
            sink.sendall(data[:granted])
            if granted < len(data) or budget.left_bytes <= 0:
                for end in (source, sink):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                break
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking_link(target_port: int, next_budget_bytes: Callable[[], int]) -> Iterator[BreakingLink]:
    """A link that relays until the block ends."""
    link = BreakingLink(target_port, next_budget_bytes)
    try:
        yield link
    finally:
        link.close()
