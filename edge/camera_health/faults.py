"""A camera's faults as signals of their own: what its pictures show (`viewhealth`), a stream that stays away, and
a clock that is wrong (`clock_watch`).

`ViewWatch` belongs to the camera's thread, `CameraFaults` to the inference thread; notes cross between them in a queue.
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

WHOLE_PICTURE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
NO_STREAM_AFTER_S = 20.0


class CameraFault(StrEnum):
    """What can be wrong with a camera. The values of `ViewFault` are the same."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    DARK = "dark"
    NO_STREAM = "no_stream"
    CLOCK_WRONG = "clock_wrong"


_SEEING = frozenset({CameraFault.CLOCK_WRONG})
"""Faults with which the camera's pictures can still be believed."""
_SEVERITY = dict.fromkeys((CameraFault.DARK, CameraFault.DEFOCUSED, CameraFault.CLOCK_WRONG), Severity.NOTICE)
"""Where nothing stands: a warning, because somebody may have done it on purpose."""


@dataclass(frozen=True, slots=True)
class FaultNote:
    """A fault began or ended: since when, as of which moment, the picture that shows it, and its reason's numbers."""

    fault: CameraFault
    phase: Phase
    since: Instant
    at: Instant
    frame: Frame | None = None
    params: Mapping[str, float] = field(default_factory=dict)


class ViewWatch:
    """Looks at the small pictures that the motion gate sees anyway, and notes what is wrong with the view."""

    def __init__(self, learnt: LearntView | None) -> None:
        """`learnt`: as it was stored; without one it is learnt from the first healthy pictures."""
        self._health = ViewHealth() if learnt is None else ViewHealth(reference=learnt.reference, noise=learnt.noise)
        self._notes: queue.SimpleQueue[FaultNote] = queue.SimpleQueue()
        self._accept = False

    @property
    def learnt(self) -> LearntView | None:
        """What others are compared with, once the view is known: numbers, never a picture. Safe from any thread."""
        reference = self._health.reference
        return None if reference is None else LearntView(reference, self._health.noise)

    def accept_view(self) -> None:
        """Take the view of the next picture on as the reference: somebody moved the camera on purpose."""
        self._accept = True

    def look(self, luma: Luma, frame: Frame) -> None:
        """Judge one picture. Called from the camera's thread."""
        findings = []
        if self._accept:
            self._accept = False
            findings += self._health.accept_view()
        findings += self._health.observe(luma, frame.captured.mono_s)
        for finding in findings:
            since = frame.captured.shifted(finding.since_mono_s - frame.captured.mono_s)
            self._notes.put(FaultNote(CameraFault(finding.fault.value), finding.phase, since, frame.captured, frame))

    def notes(self) -> Iterable[FaultNote]:
        """What was noted since the last call."""
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
        """Whether what the camera shows cannot be believed, so that its behaviours must not alert."""
        return bool(self._open.keys() - _SEEING)

    @property
    def open_names(self) -> tuple[str, ...]:
        """The names of the open faults, in alphabetical order."""
        return tuple(sorted(fault.value for fault in self._open))

    def take(self, note: FaultNote) -> Signal | None:
        """The signal of a note; None if it says nothing new."""
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
        """Compare the newest packet's capture (before the first: the worker's start) with now."""
        if now.mono_s - newest.mono_s >= NO_STREAM_AFTER_S:
            return self.take(FaultNote(CameraFault.NO_STREAM, Phase.BEGAN, newest, now))
        return self.take(FaultNote(CameraFault.NO_STREAM, Phase.ENDED, newest, newest))

    def close(self, reason: Reason) -> list[Signal]:
        """End everything that is open, because the worker stops."""
        ended = [replace(signal, phase=Phase.ENDED, reasons=(reason,)) for signal in self._open.values()]
        self._open.clear()
        return ended
