"""How a route lets somebody in. Every route has exactly one `Guard`; the application refuses to start otherwise."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from contract.errors import ErrorKind, KentonganError
from server.auth.sessions import Person, check_csrf
from server.permissions import Admission, Permission
from server.services import Services
from server.settings import Settings
from server.store.devices import EnrolledDevice

SESSION_COOKIE = "kentongan_session"
CSRF_HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""What proxies add to what they forward, each its own choice of these."""


async def services_of(request: Request) -> Services:
    """`async` although it waits for nothing: FastAPI calls anything else in a thread, which every request would pay."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


class Guard:
    """Declares what a route asks for."""

    admits: Admission | Permission


class PublicGuard(Guard):
    """Lets everybody in, for the stated reason."""

    admits = Admission.PUBLIC

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def __call__(self) -> None:
        return None


class PersonGuard(Guard):
    """Lets in who holds a session, and `permission` in at least one kampung; in which ones, the services decide."""

    def __init__(self, admits: Permission | None = None) -> None:
        self.admits = admits or Admission.SESSION
        self._permission = admits

    async def __call__(self, request: Request, services: ServicesDep) -> Person:
        person = await services.sessions.person(request.cookies.get(SESSION_COOKIE))
        if request.method not in SAFE_METHODS:
            check_origin(request, services.settings)
            check_csrf(person, request.headers.get(CSRF_HEADER))
        if self._permission is not None and self._permission not in person.permissions:
            raise KentonganError(ErrorKind.FORBIDDEN, f"this account has no role with {self._permission.value}")
        return person


class DeviceGuard(Guard):
    """Lets in a device with a valid token."""

    admits = Admission.DEVICE

    async def __call__(self, request: Request, services: ServicesDep) -> EnrolledDevice:
        return await services.devices.device(request.headers.get("authorization"))


class MetricsGuard(Guard):
    """Lets in who asks from this machine, or holds the metrics token."""

    admits = Admission.METRICS

    async def __call__(self, request: Request, services: ServicesDep) -> None:
        token = services.settings.metrics_token
        presented = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is not None and hmac.compare_digest(presented.encode(), token.get_secret_value().encode()):
            return
        # A reverse proxy on this machine also comes from the loopback address, but says on whose behalf.
        forwarded = any(header in request.headers for header in PROXY_HEADERS)
        if token is None and not forwarded and _is_loopback(request):
            return
        raise KentonganError(ErrorKind.FORBIDDEN, "metrics are for this machine, or for who holds the metrics token")


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def check_origin(request: Request, settings: Settings) -> None:
    """A browser says where a changing request comes from: it must be this console.

    Raises:
        KentonganError: `csrf`.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    allowed = {f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if settings.public_url is not None:
        public = urlsplit(settings.public_url)
        allowed.add(f"{public.scheme}://{public.netloc}")
    if origin not in allowed:
        raise KentonganError(ErrorKind.CSRF, "the request's Origin is not this console")


SignedIn = Annotated[Person, Depends(PersonGuard())]
KampungReader = Annotated[Person, Depends(PersonGuard(Permission.KAMPUNG_READ))]
AlertReader = Annotated[Person, Depends(PersonGuard(Permission.ALERT_READ))]
PictureViewer = Annotated[Person, Depends(PersonGuard(Permission.PICTURE_VIEW))]
AlertHandler = Annotated[Person, Depends(PersonGuard(Permission.ALERT_HANDLE))]
AuditReader = Annotated[Person, Depends(PersonGuard(Permission.AUDIT_READ))]
DeviceDep = Annotated[EnrolledDevice, Depends(DeviceGuard())]
