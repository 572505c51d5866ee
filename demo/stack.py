"""Server, simulated cameras and edge worker as child processes, on a state folder that outlives them."""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx
import yaml

from demo import processes
from demo.accounts import Account, load_accounts, new_accounts, save_accounts, write_private
from demo.cameras import camera_url
from demo.footage import cache_folder, ensure_streams
from demo.site import DEVICE_ID, OWN, OWN_CAMERA_VARIABLE, SIMULATED, edge_settings, provisioning, server_settings
from scripts.say import MissingPrerequisiteError

if TYPE_CHECKING:
    from demo.processes import Child
    from demo.sources import OwnSource

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
USUAL_PORT = 8080
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
SERVER_VARIABLES = "KENTONGAN_SERVER_"
"""Environment settings of a real server on this machine would override the demo's."""
KEPT_FROM_CHILDREN = ("SOURCE", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")


class StackError(Exception):
    """A part of the stack failed; the message names it and shows the end of its log."""


class ChildDiedError(StackError):
    """A child ended unexpectedly; the message names it and shows the end of its log."""

    def __init__(self, child: Child) -> None:
        super().__init__(
            f"{child.name} ended with status {child.exit_status}; the end of {child.log}:\n{child.last_words()}"
        )


class Stack:
    """A complete Kentongan on this machine. A context manager: leaving it stops everything."""

    def __init__(self, state: Path, *, source: OwnSource | None = None) -> None:
        self.state = state
        self.cameras = SIMULATED if source is None else (OWN,)
        self.accounts: list[Account] = []
        self.streams: dict[str, Path] = {}
        self.port = 0
        self._source = source
        self._children: list[Child] = []
        self.env = {
            key: value
            for key, value in os.environ.items()
            if key not in KEPT_FROM_CHILDREN and not key.startswith(SERVER_VARIABLES)
        }
        self.env["PYTHONUNBUFFERED"] = "1"
        self._lock: int | None = None

    @property
    def address(self) -> str:
        """The console's address."""
        return f"http://{HOST}:{self.port}"

    def log_of(self, name: str) -> Path:
        """The log of the child `name` (server, cameras, edge)."""
        return self.state / "logs" / f"{name}.log"

    def __enter__(self) -> Self:
        for part in ("", "server", "edge", "logs"):
            (self.state / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise MissingPrerequisiteError(
                f"The demo is running already on {self.state}; stop it first, or set XDG_STATE_HOME to another folder."
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._lock is not None:
            os.close(self._lock)

    def start_server(self, port: int) -> None:
        """Provision the site and its log-ins unless that is done, and start the server on `port`.

        Raises StackError.
        """
        self.port = port
        settings = server_settings(self.state / "server", port)
        write_private(self.state / "server.yaml", yaml.safe_dump(settings, sort_keys=False))
        place = self.state / "place.yaml"
        write_private(place, yaml.safe_dump(provisioning(self.cameras), sort_keys=False))
        self._cli("provision", str(place))
        self._ensure_token()
        self._ensure_accounts()
        self._start("server", ["server.cli", "run", "--config", str(self.state / "server.yaml")])
        self._wait_until_ready()

    def start_cameras_and_edge(self) -> None:
        """Start the simulated cameras, unless the user named a source, and the edge worker."""
        urls = {} if self._source else self._start_cameras()
        env = {} if self._source is None else {OWN_CAMERA_VARIABLE: self._source.url}
        settings = edge_settings(self.cameras, urls, self.address, self.state / "edge")
        config = self.state / "edge.yaml"
        write_private(config, yaml.safe_dump(settings, sort_keys=False))
        self._start("edge", ["edge.cli.main", "run", "--config", str(config)], env)

    def check(self) -> None:
        """Raise ChildDiedError if a child ended by itself."""
        for child in self._children:
            if child.exit_status is not None:
                raise ChildDiedError(child)

    def stop(self) -> list[str]:
        """Stop the children one by one, the last started first, so that the worker can still reach the server.

        Returns the names of those that had to be killed.
        """
        children, self._children = self._children[::-1], []
        return [name for child in children for name in processes.stop([child], STOP_WITHIN_S)]

    def prove_invariants(self) -> None:
        """Run `kentongan-server check` on everything that is stored. Raises StackError with its findings."""
        self._cli("check")

    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [child.process.pid for child in self._children]

    def _start(self, name: str, module: list[str], env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", *module]
        self._children.append(processes.start(name, command, self.log_of(name), {**self.env, **(env or {})}))

    def _start_cameras(self) -> dict[str, str]:
        self.streams = ensure_streams(cache_folder())
        command = [sys.executable, "-m", "demo.cameras", str(cache_folder())]
        child = processes.start("cameras", command, self.log_of("cameras"), self.env, stdout=subprocess.PIPE)
        self._children.append(child)
        said = child.process.stdout
        assert said is not None  # noqa: S101 - it was started with a pipe
        if not select.select([said], [], [], READY_WITHIN_S)[0] or not (line := said.readline()):
            raise ChildDiedError(child)
        port = json.loads(line)["port"]
        return {camera.id: camera_url(port, self.streams[camera.id]) for camera in self.cameras}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            self.check()
            try:
                if httpx.get(f"{self.address}/readyz", timeout=2.0, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise StackError(
            f"The server was not ready within {READY_WITHIN_S:.0f} s; the end of {self.log_of('server')}:\n"
            f"{self._children[-1].last_words()}"
        )

    def _ensure_accounts(self) -> None:
        file = self.state / "server" / "demo-logins.json"
        known, made = load_accounts(file), file.with_suffix(".made")
        if known is None:
            known = new_accounts()
            save_accounts(file, known)
        if not made.is_file():  # the first start, or one that was interrupted here
            for account in known:
                self._ensure_account(account)
            made.touch()
        self.accounts = known

    def _ensure_account(self, account: Account) -> None:
        scope = [] if account.kampung_id is None else ["--kampung", account.kampung_id]
        words = ["user", "add", account.username, "--role", account.role, "--display-name", account.title]
        try:
            self._cli(*words, *scope, said=account.password)
        except StackError:
            self._cli("user", "password", account.username, said=account.password)

    def _ensure_token(self) -> None:
        token = self.state / "token"
        if not token.is_file():
            write_private(token, self._cli("device", "token", DEVICE_ID).strip().splitlines()[-1])

    def _cli(self, *words: str, said: str = "") -> str:
        """The output of `kentongan-server WORDS` with `said` as its standard input."""
        command = [sys.executable, "-m", "server.cli", *words, "--config", str(self.state / "server.yaml")]
        done = subprocess.run(command, input=said, capture_output=True, text=True, env=self.env, cwd=ROOT, check=False)
        if done.returncode != 0:
            output = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).rstrip().splitlines()[-15:])
            raise StackError(f"kentongan-server {words[0]} ended with {done.returncode}:\n{output}")
        return done.stdout


def free_port(preferred: int | None) -> int:
    """The port `preferred` if it is free, else any free port of the loopback address."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise MissingPrerequisiteError(f"No port is free on {HOST}.")
