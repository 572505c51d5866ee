"""The command `kentongan-server`."""

from __future__ import annotations

import asyncio
import gc
import getpass
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from server.auth.accounts import AccountService
    from server.auth.devices import DeviceService
    from server.settings import Settings
    from server.storage.installation import InstanceLock
    from server.store.database import Database
    from server.store.migrate import Progress

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="The Kentongan server.")
device_app = typer.Typer(no_args_is_help=True, help="Edge devices and their tokens.")
user_app = typer.Typer(no_args_is_help=True, help="Accounts of people.")
app.add_typer(device_app, name="device")
app.add_typer(user_app, name="user")

T = TypeVar("T")
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="the server's YAML file; without it, defaults and the environment")
]


@app.command()
def run(config: ConfigOption = None) -> None:
    """Bring the database up to date and serve until stopped."""
    from server.serve import build_server, configure_logging
    from server.services import build_services

    settings = _prepared(config)
    configure_logging(settings.log)
    lock = _sole_server(settings)
    server = build_server(build_services(settings))
    # What is in memory now (modules, schemas, routes) stays: a collector that walked all of it stood still for up to
    # 70 ms, twice a second under load.
    gc.collect()
    gc.freeze()
    try:
        server.run()
    finally:
        lock.release()
    if not server.started:
        raise typer.Exit(1)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database up to date."""
    from server.store.migrate import newest_version

    _prepared(config)
    typer.echo(f"The database is at version {newest_version()}.")


@app.command()
def provision(
    site: Annotated[Path, typer.Argument(help="YAML file with kampung, cameras and devices")],
    config: ConfigOption = None,
) -> None:
    """Create or rename kampung, cameras, zones and devices as a file says."""
    from contract.clock import SystemClock
    from server.provision import apply_site, load_site

    wanted = _or_exit(lambda: load_site(site))
    _with_database(config, lambda database: apply_site(database, SystemClock(), wanted, _actor()))
    typer.echo(f"{len(wanted.kampung)} kampung, {len(wanted.cameras)} cameras, {len(wanted.devices)} devices.")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Prove that what is stored is true; exit status 1 when something is not."""
    from server.check.consistency import Consistency
    from server.clips.files import MediaFiles

    settings = _prepared(config)
    findings = _with_database(config, lambda database: Consistency(database, MediaFiles(settings.clips)).findings())
    for finding in findings:
        typer.echo(f"{finding.invariant}: {finding.detail}")
    typer.echo(f"{len(findings)} contradictions." if findings else "All invariants hold.")
    if findings:
        raise typer.Exit(1)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API."""
    from server.app import openapi_document

    typer.echo(json.dumps(openapi_document(), indent=2))


@device_app.command("token")
def device_token(device_id: str, config: ConfigOption = None) -> None:
    """Issue a new token and print it, once; the one before is void from now on."""
    typer.echo(_with_devices(config, lambda devices: devices.issue(device_id, _actor())))


@device_app.command("revoke")
def device_revoke(device_id: str, config: ConfigOption = None) -> None:
    """Make a device's token void."""
    _with_devices(config, lambda devices: devices.revoke(device_id, _actor()))
    typer.echo(f"The token of {device_id} is void.")


@device_app.command("list")
def device_list(config: ConfigOption = None) -> None:
    """List the devices."""
    table = Table("device", "name", "token", "last seen (UTC)", "software", "waiting events")
    for row in _with_devices(config, lambda devices: devices.everyone()):
        token = "revoked" if row.revoked_at else "issued" if row.token_hash else "none"
        seen = f"{row.last_seen_at:%Y-%m-%d %H:%M:%S}" if row.last_seen_at else "never"
        waiting = "" if row.outbox_pending is None else str(row.outbox_pending)
        table.add_row(row.id, row.name, token, seen, row.software_version or "", waiting)
    Console().print(table)


@user_app.command("add")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="operator, auditor or administrator")],
    kampung: Annotated[list[str] | None, typer.Option(help="where; may be repeated")] = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="in every kampung")] = False,
    display_name: Annotated[str | None, typer.Option(help="as the console shows it")] = None,
    config: ConfigOption = None,
) -> None:
    """Add an account. The password is read from standard input; without one it is made and printed, once."""
    from server.permissions import Grant, Role

    try:
        granted = Role(role)
    except ValueError:
        _fail(f"unknown role {role!r}; known: {', '.join(known.value for known in Role)}")
    if granted is Role.OPERATOR and not kampung and not everywhere:
        _fail("an operator needs --kampung ID (it may be repeated) or --everywhere")
    places = [] if everywhere else kampung or []
    grants = [Grant(granted, kampung_id) for kampung_id in places] or [Grant(granted, None)]
    password, made = _password()
    _with_accounts(config, lambda accounts: accounts.add(name, display_name or name, password, grants))
    typer.echo(f"Added {name}: {role} in {', '.join(places) or 'every kampung'}.")
    if made:
        typer.echo(f"Password, shown once: {password}")


@user_app.command("list")
def user_list(config: ConfigOption = None) -> None:
    """List the accounts."""
    table = Table("name", "shown as", "roles", "state")
    for line in _with_accounts(config, lambda accounts: accounts.everybody()):
        roles = ", ".join(f"{grant.role.value}@{grant.kampung_id or '*'}" for grant in line.grants)
        table.add_row(line.name, line.display_name, roles, "disabled" if line.disabled else "active")
    Console().print(table)


@user_app.command("disable")
def user_disable(name: str, config: ConfigOption = None) -> None:
    """Close an account and end its sessions."""
    _with_accounts(config, lambda accounts: accounts.disable(name))
    typer.echo(f"{name} is disabled.")


@user_app.command("password")
def user_password(name: str, config: ConfigOption = None) -> None:
    """Set a password (read from standard input, or made and printed once) and end the account's sessions."""
    password, made = _password()
    _with_accounts(config, lambda accounts: accounts.set_password(name, password))
    typer.echo(f"Password, shown once: {password}" if made else f"The password of {name} is set.")


def _password() -> tuple[str, bool]:
    """The password from standard input, or a new one; and whether it is new."""
    said = "" if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    return (said, False) if said else (secrets.token_urlsafe(15), True)


def _actor() -> str:
    """Who stands at the machine, for the audit log."""
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"shell:{os.getuid()}"


def _prepared(config: Path | None) -> Settings:
    """Settings whose folders exist and whose database is up to date; exits with one sentence otherwise."""
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    from server.serve import prepare_folders
    from server.settings import load_settings
    from server.storage.installation import InstallationError, remember_database, require_database
    from server.store import migrate as migrations
    from server.store import sqlite

    settings = _or_exit(lambda: load_settings(config))
    # What is stored is about people: nobody else on this machine reads it, even in a folder that is open to all.
    os.umask(0o077)
    try:
        prepare_folders(settings)
        file = sqlite.file_of(settings.database)
        if file is not None:
            require_database(settings.data_dir, file)
        migrations.upgrade(settings.database, _report)
        if file is not None:
            remember_database(settings.data_dir, file)
    except InstallationError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"the data folder {settings.data_dir} cannot be used: {error.strerror}")
    except CommandError as error:
        _fail(f"the database cannot be brought up to date: {error}")
    except SQLAlchemyError as error:
        _fail(f"the database cannot be opened: {type(error).__name__}")
    return settings


def _or_exit(attempt: Callable[[], T]) -> T:
    from server.settings import SettingsError

    try:
        return attempt()
    except SettingsError as error:
        _fail(str(error))


def _sole_server(settings: Settings) -> InstanceLock:
    from server.storage.installation import InstallationError, InstanceLock

    try:
        return InstanceLock.take(settings.data_dir)
    except InstallationError as error:
        _fail(str(error))


def _report(progress: Progress) -> None:
    """Say what an upgrade does, beside what a command prints for others to read."""
    typer.echo(f"kentongan-server: step {progress.step} of {progress.steps}: {progress.doing}", err=True)


def _with_database(config: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    """The outcome of `work` on the configured database; exits with one sentence when it is refused."""
    from contract.errors import KentonganError
    from server.store.database import Database

    settings = _prepared(config)

    async def open_and_work() -> T:
        database = Database(settings.database)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(open_and_work())
    except KentonganError as error:
        _fail(error.detail)


def _with_devices(config: Path | None, work: Callable[[DeviceService], Awaitable[T]]) -> T:
    from contract.clock import SystemClock
    from server.auth.devices import DeviceService

    return _with_database(config, lambda database: work(DeviceService(database, SystemClock())))


def _with_accounts(config: Path | None, work: Callable[[AccountService], Awaitable[T]]) -> T:
    from contract.clock import SystemClock
    from server.auth.accounts import AccountService
    from server.auth.passwords import Passwords

    return _with_database(config, lambda database: work(AccountService(database, SystemClock(), Passwords(), _actor())))


def _fail(sentence: str) -> NoReturn:
    typer.echo(f"kentongan-server: {sentence}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
