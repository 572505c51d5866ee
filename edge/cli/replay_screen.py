"""`kentongan-edge replay`: prints what would alert, as it begins and as a table at the end."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from contract.event import Phase
from contract.reasons import Language, sentence
from edge.camera.analysis import FrameObserver
from edge.cli.replay import ReplayReport
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.signals import Signal


def alert_printer(console: Console, language: Language) -> FrameObserver:
    """A frame observer that prints a line for each alert when it begins."""

    def print_alerts(frame: Frame, people: Detections, signals: list[Signal]) -> None:  # noqa: ARG001 - FrameObserver
        for signal in signals:
            if signal.phase is Phase.BEGAN:
                when, what = f"{signal.captured.mono_s:7.1f} s", f"{signal.rule.value} in {signal.zone_id}"
                console.print(f"{when}  {what}: {sentence(signal.reasons, language)}", highlight=False, soft_wrap=True)

    return print_alerts


def show(console: Console, report: ReplayReport, language: Language) -> None:
    """Print a table of the signals that began, and a summary line."""
    table = Table("at", "rule", "zone", "severity", "score", "people", "lasted", "reasons")
    for began in report.began:
        ended = report.ended(began)
        lasted = "" if ended is None else f"{ended.captured.mono_s - began.began.mono_s:.0f} s"
        table.add_row(
            f"{began.captured.mono_s:.1f} s",
            began.rule.value,
            began.zone_id,
            began.severity.value,
            f"{began.score:.2f}",
            str(began.people_count),
            lasted,
            sentence(began.reasons, language),
        )
    console.print(table)
    console.print(
        f"{len(report.began)} alerts in {report.duration_s:.0f} s, {report.frames} frames analysed, "
        f"at most {report.max_people} people at once",
        highlight=False,
    )
