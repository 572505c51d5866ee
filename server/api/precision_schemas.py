"""What the API gives about how right the rules are."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from contract.event import Rule
from contract.ids import Slug
from server.api.schemas import RequestModel, ResponseModel
from server.precision.suggestions import Setting

MAX_DAYS = 365


class PrecisionQuery(RequestModel):
    """Which alerts count."""

    kampung: Slug | None = Field(default=None, description="only this kampung")
    days: int = Field(default=30, ge=1, le=MAX_DAYS, description="captured in the last so many days")


class ShareEstimate(ResponseModel):
    """A share in 0 to 1 with its 90 % credible interval (Beta posterior, Jeffreys prior)."""

    mean: float
    low: float
    high: float


class RecallEstimate(ResponseModel):
    """How much of what is worth an alert the rule finds, among stays of at least half of the limit."""

    share: ShareEstimate | None = Field(description="null while `needed` is above 0")
    spot_checked: int = Field(description="spot checks with a verdict that counts")
    needed: int = Field(description="further such verdicts until a share is given")
    missed: float = Field(description="stays worth an alert that did not alert while spot checks were on, about")


class VerdictTally(ResponseModel):
    """Alerts of one rule and their verdicts."""

    rule: Rule
    alerts: int
    judged: int = Field(description="closed with a verdict of any kind")
    unjudged_share: float = Field(description="of the alerts, 0 to 1: the more, the less the precision says")
    useful: int
    normal_activity: int
    detector_error: int
    camera_fault: int
    precision: ShareEstimate | None = Field(
        description="useful among useful, normal_activity and detector_error; camera_fault counts for neither, save "
        "for the rule camera_fault, which it confirms; null before the first verdict that counts"
    )
    open_spot_checks: int = Field(description="stays shown as a spot check that wait for a verdict")
    recall: RecallEstimate | None = Field(description="null where no spot check was judged")


class SuggestedSetting(ResponseModel):
    """A higher value for one setting of one zone. It is never applied by itself, and two were not weighed together."""

    setting: Setting
    present: float | None = Field(description="its value for the judged alerts; null where alerts do not tell")
    suggested: float
    judged: int = Field(description="alerts with a verdict that counts, on which this rests")
    kept_useful: int = Field(description="useful alerts that would still have come")
    kept_other: int = Field(description="others that would still have come")
    cut_useful: int = Field(description="useful alerts that would have been lost")
    cut_other: int = Field(description="others that would have been spared")
    precision_now: ShareEstimate
    precision_then: ShareEstimate
    lost: ShareEstimate = Field(description="share of useful alerts lost: its interval says how sure the loss is")
    snippet: str = Field(description="YAML for the rules of the zone in the device's configuration")


class LowerSetting(ResponseModel):
    """A lower value for one setting of one zone, suggested by spot checks. Never applied by itself."""

    setting: Setting
    present: float
    suggested: float
    added_useful: int = Field(description="judged spot checks that would have alerted and were useful")
    added_other: int = Field(description="judged spot checks that would have alerted and were not")
    more: float = Field(description="alerts that it would have added, about: each spot check stands for 1 / chance")
    precision: ShareEstimate = Field(description="of what it would add")
    snippet: str


class ZonePrecision(VerdictTally):
    kampung_id: str
    kampung_name: str
    camera_id: str
    camera_name: str
    zone_id: str
    zone_name: str
    suggestions: list[SuggestedSetting]
    lower: list[LowerSetting]
    verdicts_needed: int | None = Field(
        description="verdicts that count until something can be suggested; null for a rule of which alerts never tell"
    )


class PrecisionReport(ResponseModel):
    """Every rule that alerted since `since`: zone by zone, and of all those zones together."""

    since: AwareDatetime
    zones: list[ZonePrecision]
    rules: list[VerdictTally]
