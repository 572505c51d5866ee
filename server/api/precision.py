"""How right the rules are, zone by zone, as far as people's verdicts tell."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contract.verdict import VerdictKind
from server.alerts.estimates import Estimate
from server.alerts.precision import Tally
from server.alerts.suggestions import Suggestion
from server.api.precision_schemas import (
    PrecisionQuery,
    PrecisionReport,
    ShareEstimate,
    SuggestedSetting,
    VerdictTally,
    ZonePrecision,
)
from server.deps import AlertReader, ServicesDep
from server.permissions import Permission

router = APIRouter(prefix="/api/v1/precision", tags=["precision"])


@router.get("")
async def get_precision(
    wanted: Annotated[PrecisionQuery, Query()], person: AlertReader, services: ServicesDep
) -> PrecisionReport:
    """Alerts and verdicts of the granted kampung, by zone and rule, with the precision that they tell."""
    report = await services.quality.report(person.scope(Permission.ALERT_READ), wanted.kampung, wanted.days)
    return PrecisionReport(
        since=report.since,
        zones=[
            ZonePrecision(
                **_tally(zone.tally),
                kampung_id=zone.place.kampung_id,
                kampung_name=zone.place.kampung_name,
                camera_id=zone.place.camera_id,
                camera_name=zone.place.camera_name,
                zone_id=zone.place.zone_id,
                zone_name=zone.place.zone_name,
                suggestions=[_suggested(one) for one in zone.suggestions],
                verdicts_needed=zone.verdicts_needed,
            )
            for zone in report.zones
        ],
        rules=[VerdictTally(**_tally(tally)) for tally in report.rules],
    )


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "rule": tally.rule,
        "alerts": tally.alerts,
        "judged": tally.judged,
        "unjudged_share": tally.unjudged_share,
        **{kind.value: tally.count(kind) for kind in VerdictKind},
        "precision": None if tally.precision is None else _estimate(tally.precision),
    }


def _suggested(one: Suggestion) -> SuggestedSetting:
    split = one.raised.split
    return SuggestedSetting(
        setting=one.setting,
        present=one.present,
        suggested=one.suggested,
        judged=one.judged,
        kept_useful=split.kept_useful,
        kept_other=split.kept_other,
        cut_useful=split.cut_useful,
        cut_other=split.cut_other,
        precision_now=_estimate(one.now),
        precision_then=_estimate(one.raised.precision),
        lost=_estimate(one.raised.lost),
        snippet=one.snippet,
    )


def _estimate(estimate: Estimate) -> ShareEstimate:
    return ShareEstimate(mean=estimate.mean, low=estimate.low, high=estimate.high)
