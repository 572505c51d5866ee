"""`kentongan-edge status`: the worker's state on one screen, for a technician at the device."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from contract.heartbeat import CameraState
from edge.telemetry.status import WorkerState, WorkerStatus, state_of

_STATE_STYLE = {CameraState.LIVE: "green", CameraState.LATE: "yellow", CameraState.LOST: "red"}
_MIB = 1 << 20


def show(console: Console, status: WorkerStatus, now: datetime) -> None:
    """Print the status as it is read at `now`."""
    console.print(_screen(status, now), highlight=False)


def duration_text(seconds: float) -> str:
    """A duration in at most two units: 12 s, 3 min, 5 h 20 min, 4 d 6 h."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def _screen(status: WorkerStatus, now: datetime) -> Group:
    parts: list[RenderableType] = [_head(status, now), _cameras(status), *_camera_faults(status)]
    return Group(*parts, _outbox(status, now), _sender(status, now))


def _head(status: WorkerStatus, now: datetime) -> Text:
    ago = duration_text((now - status.written_at).total_seconds())
    local = f"{status.written_at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    up = duration_text(status.uptime_s)
    words, style = {
        WorkerState.RUNNING: (f"running for {up}, as of {ago} ago", "green"),
        WorkerState.SILENT: (
            f"NOT ANSWERING since {local}, {ago} ago: process {status.pid} hangs or is starved",
            "red",
        ),
        WorkerState.DIED: (f"NOT RUNNING: it died after {local}, {ago} ago, having run for {up}", "red"),
        WorkerState.STOPPED: (f"NOT RUNNING: it was stopped at {local}, {ago} ago", "yellow"),
    }[state_of(status, now)]
    return Text.assemble(f"kentongan-edge {status.software_version}, device {status.device_id}: ", (words, style))


def _cameras(status: WorkerStatus) -> Table:
    """One line per camera, also on a terminal of 80 columns; only ids longer than about 20 letters are folded."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("camera", overflow="fold")
    for heading in ("state", "analysed", "attention", "seen", "people", "dropped", "lost"):
        table.add_column(heading, no_wrap=True)
    for camera in status.cameras:
        telemetry = camera.telemetry
        table.add_row(
            telemetry.camera_id,
            Text(telemetry.state.value, _STATE_STYLE[telemetry.state]),
            Text(f"{telemetry.analysed_fps:.1f} fps", "yellow" if telemetry.degraded else ""),
            camera.attention,
            f"{telemetry.coverage:.1%}",
            str(telemetry.people_count),
            str(telemetry.dropped_frames),
            str(camera.sessions_lost),
        )
    return table


def _camera_faults(status: WorkerStatus) -> Iterator[Text]:
    """Sentences that are too long for a column: one for all cameras that are slowed down, and one for each fault."""
    slowed = [
        f"{each.telemetry.camera_id} slowed to {each.telemetry.target_fps:.1f} fps"
        for each in status.cameras
        if each.telemetry.degraded and each.telemetry.target_fps is not None
    ]
    if slowed:
        yield Text(f"overload: {', '.join(slowed)}", "yellow")
    for camera in status.cameras:
        if camera.telemetry.fault is not None:
            yield Text(f"{camera.telemetry.camera_id}: {camera.telemetry.fault}", "red")


def _outbox(status: WorkerStatus, now: datetime) -> Text:
    outbox = status.outbox
    waits = "" if outbox.oldest_pending_at is None else f", the oldest for {_since(outbox.oldest_pending_at, now)}"
    line = Text.assemble(
        f"outbox: {outbox.pending_events} events, {outbox.pending_thumbnails} thumbnails, {outbox.pending_clips} clips "
        f"to send{waits}; {outbox.used_bytes / _MIB:.1f} of {outbox.quota_bytes / _MIB:.0f} MiB used"
    )
    if outbox.parked:
        line.append(f"; {outbox.parked} refused by the server", "yellow")
    if outbox.deleted_unsent:
        line.append(f"; {outbox.deleted_unsent} deleted unsent to free disk space", "red")
    return line


def _sender(status: WorkerStatus, now: datetime) -> Text:
    sender = status.sender
    success = "never" if sender.last_success_at is None else f"{_since(sender.last_success_at, now)} ago"
    line = Text(
        f"server: last reached {success}; {sender.events_sent} events, {sender.thumbnails_sent} thumbnails, "
        f"{sender.clips_sent} clips sent since the start"
    )
    for fault in (sender.fault, sender.file_fault):
        if fault is not None:
            line.append(f"; {fault}", "red")
    return line


def _since(then: datetime, now: datetime) -> str:
    return duration_text(max(timedelta(0), now - then).total_seconds())
