"""What people confirmed is no part of what is usual."""

from __future__ import annotations

from contract.verdict import AlertVerdict, VerdictKind
from edge.learned.state import CameraLearned

CONFIRMED_BEFORE_S, CONFIRMED_AFTER_S = 120.0, 60.0
"""A crowd gathers before it alerts, and a stay is learned some seconds after its last sight."""


def keep_out(learned: CameraLearned, verdict: AlertVerdict) -> int:
    """Take what was seen during a confirmed alert out of what waits to be learned; how many samples that were.

    Nothing for other verdicts than `useful`, for zones that are no more, and for what was learned already: samples wait
    a day. An alert whose end is not known lasted until it was judged.
    """
    zone = learned.zones.get(verdict.zone_id)
    if verdict.verdict is not VerdictKind.USEFUL or zone is None:
        return 0
    until = verdict.decided_at if verdict.ended_at is None else verdict.ended_at
    return zone.exclude(verdict.began_at.timestamp() - CONFIRMED_BEFORE_S, until.timestamp() + CONFIRMED_AFTER_S)
