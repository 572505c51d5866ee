"""Log-in, log-out, and who is logged in."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from server.api.schemas import GrantedRole, KampungName, LogIn, Me, SessionChange
from server.auth.sessions import Person
from server.deps import SESSION_COOKIE, PublicGuard, ServicesDep, SignedIn, check_origin
from server.permissions import Permission
from server.services import Services

router = APIRouter(prefix="/api/v1/session", tags=["session"])


@router.post("", dependencies=[Depends(PublicGuard("a person who logs in has no session yet"))])
async def log_in(body: LogIn, request: Request, response: Response, services: ServicesDep) -> Me:
    """Open a session. Answers 429 with Retry-After when there were too many attempts."""
    check_origin(request, services.settings)
    address = request.client.host if request.client else "unknown"
    old_token = request.cookies.get(SESSION_COOKIE)
    token = await services.sessions.log_in(body.username, body.password.get_secret_value(), address, old_token)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=services.settings.sessions.absolute_s,
        httponly=True,
        samesite="strict",
        secure=services.settings.secure_cookies or request.url.scheme == "https",
        path="/",
    )
    return await _me(services, await services.sessions.person(token))


@router.get("")
async def get_session(person: SignedIn, services: ServicesDep) -> Me:
    """Who is logged in, and what they may do."""
    return await _me(services, person)


@router.patch("")
async def change_session(body: SessionChange, person: SignedIn, services: ServicesDep) -> Me:
    """Choose the console's language."""
    await services.sessions.set_language(person, body.language)
    return await _me(services, await services.sessions.still(person))


@router.delete("", status_code=204)
async def log_out(person: SignedIn, services: ServicesDep, response: Response) -> None:
    """End the session, here and on every page that shows the live feed with it."""
    await services.sessions.log_out(person)
    services.feed.wake()
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")


async def _me(services: Services, person: Person) -> Me:
    kampung = await services.kampung.names(person.scope(Permission.KAMPUNG_READ))
    return Me.model_validate(
        {
            "username": person.user_name,
            "display_name": person.display_name,
            "roles": [GrantedRole(role=grant.role, kampung_id=grant.kampung_id) for grant in person.grants],
            "kampung": [KampungName(id=kampung_id, name=name) for kampung_id, name in kampung],
            "language": person.language,
            "csrf_token": person.csrf_token,
            "permissions": sorted(person.permissions),
            "expires_at": person.expires_at,
        }
    )
