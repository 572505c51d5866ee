"""A sender between an outbox and a server, on a clock that the test advances."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from contract.clock import Clock, ManualClock
from edge.config import ServerConfig
from edge.outbox import Outbox
from edge.sender import IngestClient, Sender, VerdictInbox
from edge.telemetry import DeviceTelemetry
from tests.support.events import NOON
from tests.support.ingest import TOKEN
from tests.support.outboxes import open_outbox

REPLY_TIMEOUT_S = 10.0
"""Long, so that a busy test machine does not look like a broken link."""


@dataclass
class Delivery:
    """A device that delivers: its outbox, sender, clock and folder."""

    outbox: Outbox
    sender: Sender
    clock: ManualClock
    folder: Path

    def run(self, for_s: float = 0.0) -> None:
        """Take steps, advancing the clock over waits, until nothing is left to do and `for_s` seconds have passed."""
        until_s = self.clock.mono_s() + for_s
        for _ in range(20_000):
            wait_s = self.sender.run_once()
            if wait_s > 0.0:
                left_s = until_s - self.clock.mono_s()
                if left_s <= 0.0:
                    return
                self.clock.advance(min(wait_s, left_s))
        raise AssertionError(f"the sender is still busy after 20,000 steps: {self.sender.status()}")


def server_config(url: str, token: str = TOKEN, reply_timeout_s: float = REPLY_TIMEOUT_S) -> ServerConfig:
    """A server's configuration with its token inline, and a timeout that may be shorter than a file may set."""
    return ServerConfig.model_construct(url=url, token_file=SecretStr(token), reply_timeout_s=reply_timeout_s)


@contextmanager
def delivering(folder: Path, url: str, reply_timeout_s: float = REPLY_TIMEOUT_S) -> Iterator[Delivery]:
    """An outbox in `folder` with a sender to `url`."""
    clock = ManualClock(NOON)
    config = server_config(url, reply_timeout_s=reply_timeout_s)
    with open_outbox(folder, clock) as outbox, IngestClient(config) as client:
        sender = sender_of(outbox, client, clock)
        yield Delivery(outbox, sender, clock, folder)


def sender_of(outbox: Outbox, client: IngestClient, clock: Clock, verdicts: VerdictInbox | None = None) -> Sender:
    """A sender whose heartbeats report one camera without frames."""
    health = DeviceTelemetry("box-1", ["gate"], "0.1.0", clock)
    return Sender(outbox, client, lambda: health.heartbeat(outbox.stats()), clock=clock, verdicts=verdicts)
