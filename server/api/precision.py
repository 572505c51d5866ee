"""How right the rules are, zone by zone, as far as people's verdicts tell."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from contract.verdict import VerdictKind
from server.api.precision_schemas import (
    LowerSetting,
    PrecisionQuery,
    PrecisionReport,
    RecallEstimate,
    ShareEstimate,
    SuggestedSetting,
    VerdictTally,
    ZonePrecision,
)
from server.deps import AlertReader, ServicesDep
from server.permissions import Permission
from server.precision.estimates import Estimate
from server.precision.lowering import Lowering
from server.precision.recall import MIN_SPOT_CHECKS, Recall
from server.precision.service import RuleAssessment, ZoneAssessment
from server.precision.suggestions import Suggestion

router = APIRouter(prefix="/api/v1/precision", tags=["precision"])


@router.get("")
async def get_precision(
    wanted: Annotated[PrecisionQuery, Query()], person: AlertReader, services: ServicesDep
) -> PrecisionReport:
    """Alerts and verdicts of the granted kampung, by zone and rule, with the precision and recall that they tell."""
    report = await services.precision.report(person.scope(Permission.ALERT_READ), wanted.kampung, wanted.days)
    return PrecisionReport(
        since=report.since,
        zones=[_zone(zone) for zone in report.zones],
        rules=[VerdictTally(**_counts(one)) for one in report.rules],
    )


def _zone(zone: ZoneAssessment) -> ZonePrecision:
    place = zone.place
    return ZonePrecision(
        **_counts(zone),
        kampung_id=place.kampung_id,
        kampung_name=place.kampung_name,
        camera_id=place.camera_id,
        camera_name=place.camera_name,
        zone_id=place.zone_id,
        zone_name=place.zone_name,
        suggestions=[_raised(one) for one in zone.suggestions],
        lower=[_lowered(one) for one in zone.lowerings],
        verdicts_needed=zone.verdicts_needed,
    )


def _counts(one: ZoneAssessment | RuleAssessment) -> dict[str, Any]:
    tally = one.tally
    return {
        "rule": tally.rule,
        "alerts": tally.alerts,
        "judged": tally.judged,
        "unjudged_share": tally.unjudged_share,
        **{kind.value: tally.count(kind) for kind in VerdictKind},
        "precision": None if tally.precision is None else _estimate(tally.precision),
        "open_spot_checks": one.open_spot_checks,
        "recall": None if one.recall is None else _recall(one.recall),
    }


def _recall(recall: Recall) -> RecallEstimate:
    return RecallEstimate(
        share=None if recall.share is None else _estimate(recall.share),
        spot_checked=recall.spot_checked,
        needed=max(0, MIN_SPOT_CHECKS - recall.spot_checked),
        missed=recall.missed,
    )


def _raised(one: Suggestion) -> SuggestedSetting:
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


def _lowered(one: Lowering) -> LowerSetting:
    return LowerSetting(
        setting=one.setting,
        present=one.present,
        suggested=one.suggested,
        added_useful=one.added_useful,
        added_other=one.added_other,
        more=one.more,
        precision=_estimate(one.precision),
        snippet=one.snippet,
    )


def _estimate(estimate: Estimate) -> ShareEstimate:
    return ShareEstimate(mean=estimate.mean, low=estimate.low, high=estimate.high)
