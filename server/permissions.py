"""Who may do what: roles times kampung, deny by default.

A permission is asked for by a route; a role answers for it; a grant gives a role on one kampung, or on every kampung.
`docs/permissions.md` holds the table in words, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What a person may do in a kampung."""

    KAMPUNG_READ = "kampung.read"
    ALERT_READ = "alert.read"
    PICTURE_VIEW = "picture.view"
    ALERT_HANDLE = "alert.handle"
    AUDIT_READ = "audit.read"


class Admission(StrEnum):
    """How a route lets somebody in when it asks for no `Permission`."""

    PUBLIC = "public"
    SESSION = "session"
    DEVICE = "device"
    METRICS = "metrics"


ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.OPERATOR: frozenset(
            {Permission.KAMPUNG_READ, Permission.ALERT_READ, Permission.PICTURE_VIEW, Permission.ALERT_HANDLE}
        ),
        Role.AUDITOR: frozenset(
            {Permission.KAMPUNG_READ, Permission.ALERT_READ, Permission.PICTURE_VIEW, Permission.AUDIT_READ}
        ),
        # An administrator looks after boxes and accounts; pictures of people are not needed for that.
        Role.ADMINISTRATOR: frozenset({Permission.KAMPUNG_READ, Permission.ALERT_READ, Permission.AUDIT_READ}),
    }
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role on one kampung; `kampung_id` None means every kampung, also those that are added later."""

    role: Role
    kampung_id: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The kampung in which something is allowed: all of them, or those named (perhaps none)."""

    everywhere: bool
    kampung_ids: frozenset[str]

    def __contains__(self, kampung_id: str) -> bool:
        return self.everywhere or kampung_id in self.kampung_ids

    @property
    def empty(self) -> bool:
        return not self.everywhere and not self.kampung_ids


def scope_of(grants: tuple[Grant, ...], permission: Permission) -> Scope:
    """Where `grants` allow `permission`."""
    granting = [grant.kampung_id for grant in grants if permission in ROLE_PERMISSIONS[grant.role]]
    return Scope(None in granting, frozenset(kampung_id for kampung_id in granting if kampung_id is not None))


def permissions_of(grants: tuple[Grant, ...]) -> frozenset[Permission]:
    """Every permission that `grants` give anywhere."""
    return frozenset(permission for grant in grants for permission in ROLE_PERMISSIONS[grant.role])
