"""The site of a soak: looping RTSP cameras behind links that fail, and a server that goes away.

Cameras and server are those of the tests, which can inject faults.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import yaml

from tests.support.ingest import IngestServer
from tests.support.rtsp import FaultyLink, RtspCameras

KAMPUNG = "bahari"
WHOLE_PICTURE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
STALL_S, DAMAGE_S, DOWN_S = 7.0, 4.0, 5.0
"""A stall outlasts the 5 s after which the worker closes the session."""
SETTLE_S = 0.2
"""Without this pause, a camera's server that stops while its client hangs up prints tracebacks."""


class SoakSite:
    """The cameras (they take the films in turn), their links, and the server. A context manager."""

    def __init__(self, films: Sequence[Path], cameras: int) -> None:
        self._films = [films[number % len(films)] for number in range(cameras)]
        self._turns = itertools.count()
        self.injected: Counter[str] = Counter()
        self.server = IngestServer()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self.server.start()
            opened.callback(self.server.stop)
            self._rtsp = [self._start_rtsp(film.parent) for film in self._films]
            opened.callback(self._stop_rtsp)
            self._links = [opened.enter_context(FaultyLink(rtsp.port)) for rtsp in self._rtsp]
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def write_config(self, folder: Path) -> Path:
        """Write the worker's configuration into `folder`: many short events with clips."""
        (folder / "token").write_text(self.server.token)
        (folder / "token").chmod(0o600)
        path = folder / "edge.yaml"
        path.write_text(
            yaml.safe_dump(
                {
                    "device_id": "box-1",
                    "server": {"url": self.server.url, "token_file": "token"},
                    "data_dir": "data",
                    "clip": {"before_s": 3, "after_s": 3, "ring_s": 20},
                    # Delete delivered items soon: a disk that fills is no leak, but would look like one here.
                    "outbox": {"keep_sent_s": 5},
                    "heartbeat_s": 5,
                    "metrics": {"port": 0},
                    "cameras": [self._camera(number) for number in range(len(self._films))],
                }
            )
        )
        return path

    def faults(self) -> list[tuple[str, Callable[[], None]]]:
        """Every kind of fault. Each call injects it on the next camera and then removes it."""
        return [
            ("link stalled", lambda: self._for_a_while("stalled", value=True, seconds=STALL_S)),
            ("link cut", lambda: self._next_link().cut()),
            ("packets damaged", lambda: self._for_a_while("corrupt_share", value=0.05, seconds=DAMAGE_S)),
            ("packets lost", lambda: self._for_a_while("lose_share", value=0.05, seconds=DAMAGE_S)),
            ("camera restarted", self._restart_camera),
            ("server down", self._restart_server),
        ]

    def inject(self, stop: threading.Event, every_s: float) -> None:
        """Inject one fault after another until `stop` is set."""
        for name, fault in itertools.cycle(self.faults()):
            if stop.wait(every_s):
                return
            fault()
            self.injected[name] += 1

    def _camera(self, number: int) -> dict[str, Any]:
        crowd = {"capacity": 1, "clear_below": 1, "on_delay_s": 0.5, "off_delay_s": 1.0, "cooldown_s": 10}
        zone = {"id": "ronda", "name": "Pos ronda", "polygon": WHOLE_PICTURE, "rules": {"occupancy": crowd}}
        url = self._links[number].url(self._films[number].name)
        return {"id": f"camera-{number + 1}", "kampung_id": KAMPUNG, "url": url, "zones": [zone]}

    def _for_a_while(self, what: str, *, value: float, seconds: float) -> None:
        link = self._next_link()
        before = getattr(link, what)
        setattr(link, what, value)
        time.sleep(seconds)
        setattr(link, what, before)

    def _restart_camera(self) -> None:
        number = next(self._turns) % len(self._rtsp)
        port = self._rtsp[number].port
        self._links[number].cut()
        time.sleep(SETTLE_S)
        self._rtsp[number].__exit__()
        time.sleep(DOWN_S)
        self._rtsp[number] = self._start_rtsp(self._films[number].parent, port)

    def _restart_server(self) -> None:
        self.server.stop(abruptly=True)
        time.sleep(DOWN_S)
        self.server.start()

    def _stop_rtsp(self) -> None:
        time.sleep(SETTLE_S)  # the links have hung up just now
        for rtsp in self._rtsp:
            rtsp.__exit__()

    def _next_link(self) -> FaultyLink:
        return self._links[next(self._turns) % len(self._links)]

    @staticmethod
    def _start_rtsp(folder: Path, port: int = 0) -> RtspCameras:
        cameras = RtspCameras(folder, port)
        return cameras.__enter__()
