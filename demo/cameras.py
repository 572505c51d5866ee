"""Simulated cameras: a real RTSP server in its own process that loops files with continuous timestamps.

    python -m demo.cameras FOLDER [--port N]

serves every .mp4 and .mkv of FOLDER (H.264 or H.265, no B-frames) to any number of clients over RTSP/TCP on the
loopback address; each client starts at the beginning. When it listens, it prints `{"port": N}` on a line of its own;
its log goes to standard error. SIGTERM or SIGINT stops it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from aio_rtsp_toolkit import server as rtsp

HOST = "127.0.0.1"
SESSION_TIMEOUT_S = 60
"""A client silent for this long is gone; FFmpeg's sends a keep-alive twice in that time."""


class _StandardErrorLog:
    """Log the library's messages except those about single requests and receiver reports."""

    def debug(self, message: str) -> None:
        pass

    def info(self, message: str) -> None:
        if "rtcp" not in message:
            self._write("info", message)

    def warning(self, message: str) -> None:
        self._write("warning", message)

    def error(self, message: str) -> None:
        self._write("error", message)

    def _write(self, level: str, message: str) -> None:
        print(datetime.now(UTC).isoformat(), level, message, file=sys.stderr, flush=True)


def camera_url(port: int, file: Path) -> str:
    """The URL at which the server on `port` loops `file` (`play_count_0` is the library's parameter for that)."""
    return f"rtsp://{HOST}:{port}/{file.name}/play_count_0"


async def serve(folder: Path, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one."""
    if port == 0:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
    server = rtsp.RtspServer(str(folder), HOST, port, session_timeout=SESSION_TIMEOUT_S)
    server.logger = _StandardErrorLog()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    print(json.dumps({"port": port}), flush=True)
    await stop.wait()
    # Closing waits for the last client on some Python versions; the process's end closes its sockets just as well.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close(), timeout=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.cameras", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"FOLDER must be a folder of videos, got {arguments.folder}")
    asyncio.run(serve(arguments.folder, arguments.port))


if __name__ == "__main__":
    main()
