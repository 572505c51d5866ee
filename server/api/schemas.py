"""What the console's API takes and gives. The ingest API's shapes are the contract's own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from contract.event import BoxXyxyn, ClipReference, Phase, Rule, Severity
from contract.ids import Slug
from contract.reasons import Language
from contract.verdict import VerdictKind
from server.alerts.governor import Placement, PlacementReason
from server.permissions import Permission, Role


def _plausible(moment: datetime) -> datetime:
    """Times near the ends of the calendar overflow when they are brought to UTC."""
    if not 1970 <= moment.year < 2200:
        raise ValueError(f"expected a time between 1970 and 2200, got {moment.isoformat()}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
AlertState = Literal["new", "acknowledged", "resolved", "dismissed"]
CameraStateName = Literal["live", "late", "lost", "unknown"]
CursorText = Annotated[str, Field(max_length=128)]
NoteText = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


def _text(password: SecretStr) -> SecretStr:
    """JSON can escape half of a surrogate pair, which is no character and has no bytes."""
    if any("\ud800" <= character <= "\udfff" for character in password.get_secret_value()):
        raise ValueError("expected text")
    return password


Password = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(_text)]


class RequestModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True)


# --- session -------------------------------------------------------------------------------------------------------


class LogIn(RequestModel):
    username: str = Field(min_length=1, max_length=64)
    password: Password


class SessionChange(RequestModel):
    language: Language


class GrantedRole(ResponseModel):
    role: Role
    kampung_id: str | None = Field(description="null: every kampung")


class KampungName(ResponseModel):
    id: str
    name: str


class Me(ResponseModel):
    """Who is logged in, what they may do and where."""

    username: str
    display_name: str
    roles: list[GrantedRole]
    kampung: list[KampungName]
    language: Language
    csrf_token: str = Field(description="send it as X-CSRF-Token with every request that changes something")
    permissions: list[Permission] = Field(description="permissions held in at least one kampung")
    expires_at: AwareDatetime = Field(description="when the session ends unless it is used before; UTC")


# --- kampung -------------------------------------------------------------------------------------------------------


class OpenAlerts(ResponseModel):
    """Alerts that are new or acknowledged, by severity."""

    critical: int = 0
    warning: int = 0
    notice: int = 0


class CameraStatus(ResponseModel):
    id: str
    name: str
    kampung_id: str
    state: CameraStateName
    last_frame_at: AwareDatetime | None
    coverage: float | None = Field(description="share of the last hour that was seen, 0..1; null before any report")


class KampungStatus(ResponseModel):
    id: str
    name: str
    open_alerts: OpenAlerts
    cameras: list[CameraStatus]


# --- alerts --------------------------------------------------------------------------------------------------------


class ReasonInWords(ResponseModel):
    code: str
    params: dict[str, float]
    text_id: str
    text_en: str


class AlertIncident(ResponseModel):
    """The incident that an alert belongs to, and its placement for the reader."""

    id: UUID = Field(description="the id of its first alert")
    placement: Placement
    reason: PlacementReason = Field(description="why it has this placement")


class AlertSummary(ResponseModel):
    """One row of the feed."""

    id: UUID
    kampung_id: str
    kampung_name: str
    camera_id: str
    camera_name: str
    zone_id: str
    zone_name: str
    rule: Rule
    severity: Severity
    state: AlertState
    verdict: VerdictKind | None
    ongoing: bool = Field(description="whether the behaviour is still going on, as far as the device has said")
    score: float
    reasons: list[ReasonInWords]
    sentence_id: str
    sentence_en: str
    people_count: int
    began_at: AwareDatetime
    captured_at: AwareDatetime = Field(description="capture time of the frame on which the rule fired")
    ended_at: AwareDatetime | None
    time_uncertainty_s: float
    received_at: AwareDatetime
    has_thumbnail: bool = Field(description="a thumbnail is stored, and this person may see it")
    has_clip: bool = Field(description="the clip is stored, and this person may see it")
    clip_expected: bool = Field(description="a clip was promised and is neither stored nor given up")
    version: int = Field(description="counts what people decided; send it back as expected_version")
    acknowledged_by: str | None
    updated_at: AwareDatetime
    trigger_boxes: list[BoxXyxyn]
    incident: AlertIncident
    spot_check_chance: float | None = Field(
        description="null for an alert; else this is a stay that did not alert, picked as a spot check with this chance"
    )


class AlertQuery(RequestModel):
    """Which alerts to list, newest first, and where in the list to go on."""

    kampung: Slug | None = Field(default=None, description="only this kampung")
    camera: Slug | None = Field(default=None, description="only this camera")
    rule: Rule | None = None
    state: tuple[AlertState, ...] = Field(default=(), max_length=16, description="any of these; repeat the parameter")
    severity: tuple[Severity, ...] = Field(default=(), max_length=16, description="any of these; repeat the parameter")
    placement: Placement | None = Field(
        default=None, description="only alerts whose incident has this placement for the reader"
    )
    incident: UUID | None = Field(default=None, description="only the alerts of this incident")
    spot_check: bool = Field(
        default=False, description="stays shown as a spot check in place of alerts; no list holds both"
    )
    since: Moment | None = Field(default=None, description="captured at or after")
    until: Moment | None = Field(default=None, description="captured before")
    cursor: CursorText | None = Field(default=None, description="next_cursor of the page before")
    limit: int = Field(default=50, ge=1, le=200)


class AlertPage(ResponseModel):
    items: list[AlertSummary]
    next_cursor: str | None


class KampungDigest(ResponseModel):
    """Incidents of a kampung in the digest that have an open alert."""

    kampung_id: str
    this_hour: int = Field(description="incidents that requested a placement in this clock hour")
    total: int


class Digest(ResponseModel):
    """Counts of the reader's digest. `GET /api/v1/alerts?placement=digest` lists its alerts."""

    enabled: bool = Field(description="false: there is no budget, and everything is shown")
    incidents_per_hour: int
    hour_began_at: AwareDatetime
    kampung: list[KampungDigest]
    complete: bool = Field(description="false: more incidents are open than were counted")


class EventBrief(ResponseModel):
    id: UUID
    phase: Phase
    severity: Severity
    score: float
    people_count: int
    reasons: list[ReasonInWords]
    captured_at: AwareDatetime
    received_at: AwareDatetime


class TrackBox(ResponseModel):
    offset_s: float = Field(description="seconds from the alert's captured_at; negative: before")
    box: BoxXyxyn


class TrackPath(ResponseModel):
    track_id: int
    boxes: list[TrackBox]


class ClipStatus(ClipReference):
    uploaded: bool
    verified: bool = Field(description="the stored bytes had the announced SHA-256 when they were sealed")


class HistoryEntry(ResponseModel):
    at: AwareDatetime
    actor: str
    kind: Literal["opened", "transition", "note", "late_facts", "other_clip", "reopened"] = Field(
        description="the last three are what the device sent later: facts that contradict the opening event, another "
        "clip, or a rise to critical that brought a closed alert back"
    )
    from_state: AlertState | None
    to_state: AlertState | None
    verdict: VerdictKind | None
    note: str | None


class Note(ResponseModel):
    at: AwareDatetime
    actor: str
    note: str


class AlertDetail(AlertSummary):
    events: list[EventBrief]
    tracks: list[TrackPath]
    zone_polygon: list[tuple[float, float]]
    clip: ClipStatus | None
    clip_fault: str | None
    history: list[HistoryEntry]
    notes: list[Note]
    mates: list[AlertSummary] = Field(description="the other alerts of its incident, newest first, at most 100")
    neighbours: list[AlertSummary] = Field(description="alerts of this camera's other incidents around the same time")


class Transition(RequestModel):
    to: Literal["acknowledged", "resolved", "dismissed"]
    verdict: VerdictKind | None = None
    note: NoteText | None = None
    expected_version: int = Field(ge=1)


class NewNote(RequestModel):
    note: NoteText
    expected_version: int = Field(ge=1)


# --- audit ---------------------------------------------------------------------------------------------------------


class AuditQuery(RequestModel):
    kampung: Slug | None = Field(default=None, description="only this kampung")
    actor: str | None = Field(default=None, max_length=80, description="for example user:budi")
    action: str | None = Field(default=None, max_length=40, description="for example clip.viewed")
    since: Moment | None = None
    until: Moment | None = None
    cursor: CursorText | None = Field(default=None, description="next_cursor of the page before")
    limit: int = Field(default=100, ge=1, le=500)


class AuditItem(ResponseModel):
    id: int
    at: AwareDatetime
    actor: str = Field(description="user:<name>, device:<id> or server")
    action: str
    kampung_id: str | None
    subject: str
    detail: dict[str, str | int | bool | None]


class AuditPage(ResponseModel):
    items: list[AuditItem]
    next_cursor: str | None


# --- feed ----------------------------------------------------------------------------------------------------------


class FeedAlert(ResponseModel):
    """Data of an `alert` event of the feed; its SSE id is the feed sequence."""

    kind: Literal["created", "updated"]
    alert: AlertSummary
    raised: bool = Field(
        description="its incident was in this person's digest and is shown from now on; all its alerts follow"
    )


class FeedCameras(ResponseModel):
    """Data of a `cameras` event of the feed: the cameras whose state changed."""

    cameras: list[CameraStatus]


# --- ingest --------------------------------------------------------------------------------------------------------


class IngestReceipt(ResponseModel):
    event_id: UUID
    alert_id: UUID
    duplicate: bool


class ReadinessCheck(ResponseModel):
    ok: bool
    detail: str


class Readiness(ResponseModel):
    ready: bool
    checks: dict[str, ReadinessCheck]


class Liveness(ResponseModel):
    status: Literal["ok"] = "ok"
