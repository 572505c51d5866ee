"""A camera's faults as signals: those that its frames show (`view_health`), a missing stream, a wrong clock
(`clock_watch`).

`ViewWatch` belongs to the camera's thread, `CameraFaults` to the inference thread; a queue carries notes between them.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from contract.clock import Instant
from contract.event import CAMERA_ZONE, Phase, Rule, Severity
from contract.reasons import Reason
from edge.camera_health import ViewHealth
from edge.camera_health.store import LearntView
from edge.decode.frame import Frame
from edge.decode.motion_gate import Luma
from edge.signals import Signal

WHOLE_FRAME = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
NO_STREAM_AFTER_S = 20.0


class CameraFault(StrEnum):
    """What can be wrong with a camera; the values of `ViewFault` are among them."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    DARK = "dark"
    NO_STREAM = "no_stream"
    CLOCK_WRONG = "clock_wrong"


_VIEW_UNAFFECTED = frozenset({CameraFault.CLOCK_WRONG})
"""Faults that do not affect what the frames show, so that rules go on."""
_SEVERITY = dict.fromkeys((CameraFault.DARK, CameraFault.DEFOCUSED, CameraFault.CLOCK_WRONG), Severity.NOTICE)
"""All other faults are warnings, because somebody may have caused them on purpose."""


@dataclass(frozen=True, slots=True)
class FaultNote:
    """A fault began or ended.

    since: when it was first seen, or first seen gone. at: when it was confirmed. frame: the frame that shows it, if
    any. params: the numbers of its reason.
    """

    fault: CameraFault
    phase: Phase
    since: Instant
    at: Instant
    frame: Frame | None = None
    params: Mapping[str, float] = field(default_factory=dict)


class ViewWatch:
    """Checks the view on the small luma images that the motion gate makes anyway, and notes its faults."""

    def __init__(self, learnt: LearntView | None) -> None:
        """`learnt`: the stored view; with None the reference is learnt from the first healthy frames."""
        self._health = ViewHealth() if learnt is None else ViewHealth(reference=learnt.reference, noise=learnt.noise)
        self._notes: queue.SimpleQueue[FaultNote] = queue.SimpleQueue()
        self._accept = False

    @property
    def learnt(self) -> LearntView | None:
        """The reference and noise floor to store, once learnt: numbers, no image. Safe from any thread."""
        reference = self._health.reference
        return None if reference is None else LearntView(reference, self._health.noise)

    def accept_view(self) -> None:
        """Accept the next frame's view as the reference, because the camera was moved on purpose."""
        self._accept = True

    def observe(self, luma: Luma, frame: Frame) -> None:
        """Check one frame; `luma`: its small luma image. Called from the camera's thread."""
        findings = []
        if self._accept:
            self._accept = False
            findings += self._health.accept_view()
        findings += self._health.observe(luma, frame.captured.mono_s)
        for finding in findings:
            since = frame.captured.shifted(finding.since_mono_s - frame.captured.mono_s)
            self._notes.put(FaultNote(CameraFault(finding.fault.value), finding.phase, since, frame.captured, frame))

    def notes(self) -> Iterable[FaultNote]:
        """The faults that began or ended since the last call."""
        while True:
            try:
                yield self._notes.get_nowait()
            except queue.Empty:
                return


class CameraFaults:
    """The open faults of one camera."""

    def __init__(self) -> None:
        self._open: dict[CameraFault, Signal] = {}
        self._count = 0

    @property
    def is_blind(self) -> bool:
        """Whether an open fault affects what the frames show, so that rules must not alert."""
        return bool(self._open.keys() - _VIEW_UNAFFECTED)

    @property
    def open_names(self) -> tuple[str, ...]:
        """The names of the open faults, in alphabetical order."""
        return tuple(sorted(fault.value for fault in self._open))

    def take(self, note: FaultNote) -> Signal | None:
        """The signal of a note; None for a fault that is open already, or that ends without being open."""
        known = self._open.get(note.fault)
        if note.phase is Phase.BEGAN and known is None:
            self._count += 1
            signal = Signal(
                key=f"{CAMERA_ZONE}/{note.fault.value}/{self._count}",
                rule=Rule.CAMERA_FAULT,
                zone_id=CAMERA_ZONE,
                phase=Phase.BEGAN,
                severity=_SEVERITY.get(note.fault, Severity.WARNING),
                score=1.0,
                reasons=(Reason(code=f"camera_{note.fault.value}", params=dict(note.params)),),
                began=note.since,
                captured=note.at,
                people_count=0,
                track_ids=(),
            )
            self._open[note.fault] = signal
            return signal
        if note.phase is Phase.ENDED and known is not None:
            del self._open[note.fault]
            lasted_s = max(0.0, note.since.mono_s - known.began.mono_s)
            reasons = (Reason(code="lasted", params={"duration_s": lasted_s}),)
            return replace(known, phase=Phase.ENDED, captured=note.at, reasons=reasons)
        return None

    def stream(self, newest: Instant, now: Instant) -> Signal | None:
        """Report a missing stream. `newest`: capture of the newest packet, before the first one the worker's start."""
        if now.mono_s - newest.mono_s >= NO_STREAM_AFTER_S:
            return self.take(FaultNote(CameraFault.NO_STREAM, Phase.BEGAN, newest, now))
        return self.take(FaultNote(CameraFault.NO_STREAM, Phase.ENDED, newest, newest))

    def close(self, reason: Reason) -> list[Signal]:
        """End all open faults, because the worker stops."""
        ended = [replace(signal, phase=Phase.ENDED, reasons=(reason,)) for signal in self._open.values()]
        self._open.clear()
        return ended
