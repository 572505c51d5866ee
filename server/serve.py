"""Running the application under uvicorn."""

from __future__ import annotations

import logging
import socket
import sys

import structlog
import uvicorn

from server.app import create_app
from server.http_protocol import BoundedHeadProtocol
from server.services import Services
from server.settings import Log, Settings


class KentonganServer(uvicorn.Server):
    """Ends the live streams first when it stops: they never end by themselves."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._services.feed.close()
        await super().shutdown(sockets)


def build_server(services: Services) -> KentonganServer:
    """A server for `services`, ready to run."""
    settings = services.settings
    config = uvicorn.Config(
        create_app(services),
        host=settings.listen.host,
        port=settings.listen.port,
        loop="uvloop",
        http=BoundedHeadProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.shutdown_s,
    )
    return KentonganServer(config, services)


def prepare_folders(settings: Settings) -> None:
    """Make the data folders, readable by this user alone.

    Raises:
        OSError: they cannot be made.
    """
    for folder in (settings.data_dir, settings.clips):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def configure_logging(log: Log) -> None:
    """One line per event on standard error, JSON or text; uvicorn's and others' lines go the same way."""
    level = getattr(logging, log.level.upper())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Their debug lines name SQL parameters and headers: never below information.
    for name in ("aiosqlite", "sqlalchemy", "alembic", "sse_starlette", "asyncio"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
