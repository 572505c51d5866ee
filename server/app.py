"""The application: services, routes, guards, and nothing that lets somebody in by default."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, APIRouter
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import default
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from contract.errors import Problem
from contract.event import Event
from contract.heartbeat import Heartbeat
from server import http_errors
from server.api import alerts, audit, console, digest, feed, ingest, kampung, media, precision, probes, session
from server.api.schemas import FeedAlert, FeedCameras
from server.deps import Guard
from server.middleware import RequestEnvelope
from server.services import Services

# The console comes last: it answers every address that nobody else knows.
ROUTERS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (session, kampung, alerts, digest, media, precision, audit, feed, ingest, probes, console)
)
_SCHEMAS_NOT_IN_ROUTES = (Event, Heartbeat, FeedAlert, FeedCameras, Problem)


class UndeclaredRouteError(RuntimeError):
    """A route without exactly one guard: nobody has said who may use it."""


def create_app(services: Services) -> FastAPI:
    """The application around `services`.

    Raises:
        UndeclaredRouteError: a route does not declare who may use it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        await services.start()
        try:
            yield
        finally:
            await services.stop()

    app = _routes_only(lifespan)
    app.state.services = services
    settings = services.settings
    Instrumentator(excluded_handlers=["/metrics", "/healthz", "/readyz"], registry=services.metrics.registry).add(
        default(registry=services.metrics.registry)
    ).instrument(app)
    app.add_middleware(RequestEnvelope, limits=settings.limits, https=settings.secure_cookies)
    return app


def _routes_only(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    app = FastAPI(
        title="Kentongan",
        version="1",
        summary="Alerts per kampung from the cameras' edge workers",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    http_errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    for route in routes_of(app):
        guard_of(route)
    return app


def routes_of(app: FastAPI) -> Iterator[BaseRoute]:
    """Every route of `app`, those of included routers too."""
    yield from _flat(app.routes)


def _flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _flat(included.routes)
        else:
            yield route


def guard_of(route: BaseRoute) -> Guard:
    """The guard that a route declares.

    Raises:
        UndeclaredRouteError: there is none, or more than one.
    """
    guards = list(_guards(route.dependant)) if isinstance(route, APIRoute) else []
    if len(guards) != 1:
        raise UndeclaredRouteError(f"{route} has {len(guards)} guards; each route declares exactly one")
    return guards[0]


def _guards(dependant: Dependant) -> Iterator[Guard]:
    for dependency in dependant.dependencies:
        call: object = dependency.call
        if isinstance(call, Guard):
            yield call
        yield from _guards(dependency)


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document: stable operation ids, errors as problem details."""
    app = _routes_only()
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas: dict[str, Any] = document["components"]["schemas"]
    for model in _SCHEMAS_NOT_IN_ROUTES:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        for name, part in schema.pop("$defs", {}).items():
            schemas.setdefault(name, part)
        schemas[model.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = {
        "description": "RFC 9457 problem details",
        "content": {http_errors.PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document
