"""Turns one camera's signals into events: thumbnail at once, clip when it is sealed, and the last word after the clip.

Not thread-safe: the inference thread owns it. It keeps of each open signal what its later events need.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from contract.clock import Instant
from contract.event import ClipReference, EventData, Phase, ThumbnailReference, TrackSummary
from edge.clipdesk import ClipDesk, ClipOrder, ClipOutcome
from edge.drafts import Draft, DraftQueue
from edge.frame import Frame
from edge.history import TrackHistory
from edge.outbox import Attachment, AttachmentKind
from edge.outbox.files import sync_file
from edge.rules.signal import Signal

THUMBNAIL_WIDTH_PX = 640
THUMBNAIL_QUALITY = 75
MAX_TRACKS_OF_A_SIGNAL = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every event of a camera says of where it comes from."""

    device_id: str
    kampung_id: str
    camera_id: str
    zone_polygons: Mapping[str, tuple[tuple[float, float], ...]]
    model_sha256: str
    config_sha256: str
    software_version: str


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """How much to record around a trigger, and where clips and thumbnails are put."""

    before_s: float
    after_s: float
    folder: Path


@dataclass(slots=True)
class _OpenSignal:
    signal_id: UUID
    clip_id: UUID
    began: Signal
    thumbnail: ThumbnailReference | None
    track_ids: dict[int, None]
    clip: ClipReference | None = None
    clip_fault: str | None = None
    last_word: Signal | None = None

    @property
    def clip_settled(self) -> bool:
        return self.clip is not None or self.clip_fault is not None


class SignalRecorder:
    """Makes the events of one camera's signals and orders their clips."""

    def __init__(
        self,
        provenance: Provenance,
        plan: ClipPlan,
        *,
        history: TrackHistory,
        drafts: DraftQueue,
        clip_desk: ClipDesk,
        new_id: Callable[[], UUID],
    ) -> None:
        self._provenance = provenance
        self._plan = plan
        self._history = history
        self._drafts = drafts
        self._clip_desk = clip_desk
        self._new_id = new_id
        self._open: dict[str, _OpenSignal] = {}
        self._keys_of_clips: dict[UUID, str] = {}

    @property
    def open_count(self) -> int:
        """Signals that have begun and whose last event has not been made."""
        return len(self._open)

    def record(self, signal: Signal, frame: Frame | None) -> None:
        """Make the event of a signal. `frame` is the picture on which the rule decided; without it no thumbnail."""
        match signal.phase:
            case Phase.BEGAN:
                self._begin(signal, frame)
            case Phase.CONTINUES:
                known = self._open[signal.key]
                known.track_ids |= dict.fromkeys(signal.track_ids)
                self._submit(known, signal)
            case Phase.ENDED:
                known = self._open[signal.key]
                known.track_ids |= dict.fromkeys(signal.track_ids)
                known.last_word = signal
                self._finish(signal.key)

    def settle(self, outcome: ClipOutcome) -> None:
        """Make the event that names the sealed clip, or says why there will be none; then the last word if it waits."""
        key = self._keys_of_clips.pop(outcome.order.clip_id)
        known = self._open[key]
        known.clip, known.clip_fault = outcome.clip, outcome.fault
        attachments: tuple[Attachment, ...] = ()
        if outcome.clip is not None:
            attachments = (
                Attachment(
                    AttachmentKind.CLIP,
                    outcome.order.destination,
                    outcome.clip.sha256,
                    outcome.clip.size_bytes,
                    outcome.clip.clip_id,
                ),
            )
        self._submit(known, known.began, phase=Phase.CONTINUES, attachments=attachments)
        self._finish(key)

    def _begin(self, signal: Signal, frame: Frame | None) -> None:
        clip_id = self._new_id()
        thumbnail, attachments = self._thumbnail(frame)
        known = _OpenSignal(self._new_id(), clip_id, signal, thumbnail, dict.fromkeys(signal.track_ids))
        self._open[signal.key] = known
        self._keys_of_clips[clip_id] = signal.key
        self._submit(known, signal, attachments=attachments)
        self._clip_desk.order(
            ClipOrder(
                clip_id=clip_id,
                camera_id=self._provenance.camera_id,
                trigger=signal.captured,
                before_s=self._plan.before_s,
                after_s=self._plan.after_s,
                destination=self._plan.folder / f"{clip_id}.mp4",
            )
        )

    def _finish(self, key: str) -> None:
        known = self._open[key]
        if known.last_word is not None and known.clip_settled:
            self._submit(known, known.last_word)
            del self._open[key]

    def _thumbnail(self, frame: Frame | None) -> tuple[ThumbnailReference | None, tuple[Attachment, ...]]:
        if frame is None:
            return None, ()
        picture = frame.jpeg(THUMBNAIL_WIDTH_PX, THUMBNAIL_QUALITY)
        path = self._plan.folder / f"{self._new_id()}.jpg"
        try:
            path.write_bytes(picture)
            sync_file(path)
        except OSError as error:
            # The event is worth more than its picture: a full disk costs the picture alone.
            _log.warning("no thumbnail", camera=self._provenance.camera_id, error=error.strerror)
            path.unlink(missing_ok=True)
            return None, ()
        sha256 = hashlib.sha256(picture).hexdigest()
        attachment = Attachment(AttachmentKind.THUMBNAIL, path, sha256, len(picture))
        return ThumbnailReference(sha256=sha256, size_bytes=len(picture)), (attachment,)

    def _submit(
        self,
        known: _OpenSignal,
        signal: Signal,
        *,
        phase: Phase | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> None:
        fields: dict[str, Any] = {
            "signal_id": known.signal_id,
            "device_id": self._provenance.device_id,
            "kampung_id": self._provenance.kampung_id,
            "camera_id": self._provenance.camera_id,
            "zone_id": signal.zone_id,
            "rule": signal.rule,
            "phase": phase or signal.phase,
            "severity": signal.severity,
            "score": signal.score,
            "reasons": signal.reasons,
            "began_at": signal.began.utc,
            "captured_at": signal.captured.utc,
            "time_uncertainty_s": signal.captured.uncertainty_s,
            "people_count": signal.people_count,
            "tracks": self._tracks(known, signal.captured),
            "zone_polygon": self._provenance.zone_polygons[signal.zone_id],
            "clip_id": known.clip_id,
            "clip": known.clip,
            "clip_fault": known.clip_fault,
            "thumbnail": known.thumbnail,
            "model_sha256": self._provenance.model_sha256,
            "config_sha256": self._provenance.config_sha256,
            "software_version": self._provenance.software_version,
        }
        self._drafts.submit(Draft(lambda sequence: EventData(device_sequence=sequence, **fields), attachments))

    def _tracks(self, known: _OpenSignal, at: Instant) -> tuple[TrackSummary, ...]:
        newest = list(known.track_ids)[-MAX_TRACKS_OF_A_SIGNAL:]
        return self._history.summaries(
            newest,
            origin_mono_s=at.mono_s,
            since_mono_s=at.mono_s - self._plan.before_s,
            until_mono_s=at.mono_s + self._plan.after_s,
        )
