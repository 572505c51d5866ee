"""The audit log, for auditors and administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from server.api.schemas import AuditItem, AuditPage, AuditQuery
from server.deps import AuditReader, ServicesDep
from server.permissions import Permission
from server.store.audit import AuditFilter, detail_of

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@router.get("")
async def list_audit(wanted: Annotated[AuditQuery, Query()], person: AuditReader, services: ServicesDep) -> AuditPage:
    """Audit entries of the granted kampung, newest first.

    Entries about no kampung (log-ins, accounts, devices) are for those who may see the log of every kampung.
    """
    narrowed = AuditFilter(**wanted.model_dump(exclude={"cursor", "limit"}))
    rows, next_cursor = await services.audit_log.page(
        person.scope(Permission.AUDIT_READ), narrowed, wanted.cursor, wanted.limit
    )
    items = [
        AuditItem(
            id=row.sequence,
            at=row.at,
            actor=row.actor,
            action=row.action,
            kampung_id=row.kampung_id,
            subject=row.subject,
            detail=detail_of(row),
        )
        for row in rows
    ]
    return AuditPage(items=items, next_cursor=next_cursor)
