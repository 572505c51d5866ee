"""Turning one camera's signals into events: one with a thumbnail at once, one with the sealed clip, and the end after
the clip.

Signals whose clips would overlap name the same clip, each with its own trigger offset in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from contract.clock import Instant
from contract.event import ClipReference, EventData, Phase, SpotCheck, ThumbnailReference, TrackSummary
from edge.clips.recorder import ClipOrder, ClipOutcome, ClipRecorder
from edge.decode.frame import Frame
from edge.events.drafts import Draft, DraftQueue
from edge.events.track_history import TrackHistory
from edge.outbox import Attachment, AttachmentKind
from edge.outbox.files import sync_file
from edge.signals import Signal

THUMBNAIL_WIDTH_PX = 640
THUMBNAIL_QUALITY = 75
MAX_TRACKS_PER_SIGNAL = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every event of a camera states about its origin."""

    device_id: str
    kampung_id: str
    camera_id: str
    zone_polygons: Mapping[str, tuple[tuple[float, float], ...]]
    model_sha256: str
    config_sha256: str
    software_version: str


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """How many seconds to record before and after a trigger, and the folder for clips and thumbnails."""

    before_s: float
    after_s: float
    folder: Path


@dataclass(slots=True)
class _OpenSignal:
    signal_id: UUID
    began: Signal
    thumbnail: ThumbnailReference | None
    track_ids: dict[int, None]
    clip_id: UUID | None = None
    clip: ClipReference | None = None
    clip_fault: str | None = None
    ended: Signal | None = None

    @property
    def clip_settled(self) -> bool:
        return self.clip is not None or self.clip_fault is not None


class EventBuilder:
    """Builds the events of one camera's signals, submits them as drafts, and orders their clips.

    Not thread-safe: the inference thread owns it. It keeps what the later events of each open signal need.
    """

    def __init__(
        self,
        provenance: Provenance,
        plan: ClipPlan,
        *,
        history: TrackHistory,
        drafts: DraftQueue,
        clip_recorder: ClipRecorder,
        new_id: Callable[[], UUID],
    ) -> None:
        self._provenance = provenance
        self._plan = plan
        self._history = history
        self._drafts = drafts
        self._clip_recorder = clip_recorder
        self._new_id = new_id
        self._open: dict[str, _OpenSignal] = {}
        self._awaiting: dict[UUID, list[_OpenSignal]] = {}

    @property
    def open_count(self) -> int:
        """How many signals have begun and have no `ended` event yet."""
        ended = sum(known.ended is not None for sharing in self._awaiting.values() for known in sharing)
        return len(self._open) + ended

    def record(self, signal: Signal, frame: Frame | None) -> None:
        """Build the event of a signal. `frame`: the frame on which the rule decided; None: no thumbnail."""
        match signal.phase:
            case Phase.BEGAN:
                self._begin(signal, frame)
            case Phase.CONTINUES:
                known = self._open[signal.key]
                known.track_ids |= dict.fromkeys(signal.track_ids)
                self._submit(known, signal)
            case Phase.ENDED:
                # The key is free from now on: after a change of the frame's aspect, rules number their signals anew.
                known = self._open.pop(signal.key)
                known.track_ids |= dict.fromkeys(signal.track_ids)
                known.ended = signal
                self._finish(known)

    def settle(self, outcome: ClipOutcome) -> None:
        """Build the events that name the sealed clip or its fault, then the `ended` events that waited for them.

        A signal that shares the clip but is not in it (the clip stops where the camera changes its stream) gets a clip
        of its own.
        """
        sharing = self._awaiting.pop(outcome.order.clip_id)
        # The outbox stores a clip with the first event that brings it, and sends it in order of that event's severity.
        for known in sorted(sharing, key=lambda known: known.began.severity.rank, reverse=True):
            later_s = known.began.captured.mono_s - outcome.order.trigger.mono_s
            clip = None if outcome.clip is None else _with_later_trigger(outcome.clip, later_s)
            if later_s > 0.0 and (clip is None or clip.trigger_offset_s > clip.duration_s):
                self._order_clip(known)
                continue
            known.clip, known.clip_fault = clip, outcome.fault
            attachments: tuple[Attachment, ...] = ()
            if clip is not None:
                path = outcome.order.destination
                attachments = (Attachment(AttachmentKind.CLIP, path, clip.sha256, clip.size_bytes, clip.clip_id),)
            self._submit(known, known.began, phase=Phase.CONTINUES, attachments=attachments)
            self._finish(known)

    def _begin(self, signal: Signal, frame: Frame | None) -> None:
        # A spot check is reported after its stay: this frame no longer shows it.
        thumbnail, attachments = self._thumbnail(frame if signal.spot_check_chance is None else None)
        known = _OpenSignal(self._new_id(), signal, thumbnail, dict.fromkeys(signal.track_ids))
        self._open[signal.key] = known
        self._order_clip(known)
        self._submit(known, signal, attachments=attachments)

    def _order_clip(self, known: _OpenSignal) -> None:
        clip_id = self._new_id()
        order = self._clip_recorder.order(
            ClipOrder(
                clip_id=clip_id,
                camera_id=self._provenance.camera_id,
                trigger=known.began.captured,
                before_s=self._plan.before_s,
                after_s=self._plan.after_s,
                destination=self._plan.folder / f"{clip_id}.mp4",
            )
        )
        known.clip_id = order.clip_id
        self._awaiting.setdefault(order.clip_id, []).append(known)

    def _finish(self, known: _OpenSignal) -> None:
        if known.ended is not None and known.clip_settled:
            self._submit(known, known.ended)

    def _thumbnail(self, frame: Frame | None) -> tuple[ThumbnailReference | None, tuple[Attachment, ...]]:
        if frame is None:
            return None, ()
        jpeg = frame.jpeg(THUMBNAIL_WIDTH_PX, THUMBNAIL_QUALITY)
        path = self._plan.folder / f"{self._new_id()}.jpg"
        try:
            path.write_bytes(jpeg)
            sync_file(path)
        except OSError as error:
            # A full disk costs the thumbnail, never the event.
            _log.warning("thumbnail_not_written", camera=self._provenance.camera_id, error=error.strerror)
            with suppress(OSError):  # a disk that refuses to write may refuse to delete, too
                path.unlink(missing_ok=True)
            return None, ()
        sha256 = hashlib.sha256(jpeg).hexdigest()
        attachment = Attachment(AttachmentKind.THUMBNAIL, path, sha256, len(jpeg))
        return ThumbnailReference(sha256=sha256, size_bytes=len(jpeg)), (attachment,)

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
            "spot_check": None if signal.spot_check_chance is None else SpotCheck(chance=signal.spot_check_chance),
            "model_sha256": self._provenance.model_sha256,
            "config_sha256": self._provenance.config_sha256,
            "software_version": self._provenance.software_version,
        }
        self._drafts.submit(Draft(lambda sequence: EventData(device_sequence=sequence, **fields), attachments))

    def _tracks(self, known: _OpenSignal, at: Instant) -> tuple[TrackSummary, ...]:
        """Where the signal's people were, over the whole clip once its bounds are known."""
        since_mono_s, until_mono_s = at.mono_s - self._plan.before_s, at.mono_s + self._plan.after_s
        if known.clip is not None:
            clip_starts_mono_s = known.began.captured.mono_s - known.clip.trigger_offset_s
            since_mono_s = min(since_mono_s, clip_starts_mono_s)
            until_mono_s = max(until_mono_s, clip_starts_mono_s + known.clip.duration_s)
        return self._history.summaries(
            list(known.track_ids)[-MAX_TRACKS_PER_SIGNAL:],
            origin_mono_s=at.mono_s,
            since_mono_s=since_mono_s,
            until_mono_s=until_mono_s,
        )


def _with_later_trigger(clip: ClipReference, later_s: float) -> ClipReference:
    """The clip's reference for a signal that began `later_s` seconds after the one for which it was cut."""
    return clip.model_copy(update={"trigger_offset_s": clip.trigger_offset_s + later_s})
