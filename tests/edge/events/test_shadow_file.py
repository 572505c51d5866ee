from __future__ import annotations

from pathlib import Path

import pytest

from contract.event import Phase, Rule
from edge.events import shadow_file
from edge.events.shadow_file import ShadowFile, report
from edge.rules.engine import CameraBehaviours
from edge.signals import Signal
from tests.support.scenes import Someone, observations, run, standing, zone_of


def shadow_signals() -> tuple[Signal, ...]:
    camera = CameraBehaviours([zone_of({"loitering": {"mode": "shadow"}, "group": {"mode": "shadow"}})])
    assert run(camera, observations([Someone(standing(0.5, 0.5, 0, 200))], 230)) == []
    taken = camera.shadow.take()
    assert camera.shadow.take() == ()
    return taken


def test_the_report_says_what_a_rule_would_have_done(tmp_path: Path) -> None:
    logs = ShadowFile(tmp_path / "shadow")
    logs.append("gang-tiga", shadow_signals())

    entries = logs.read("gang-tiga")
    (line,) = report(entries)

    assert [entry.phase for entry in entries] == [Phase.BEGAN, Phase.ENDED]
    assert (line.zone_id, line.rule, line.alerts) == ("gang", Rule.LOITERING, 1)
    assert line.total_s == pytest.approx(212, abs=2)
    assert 0.3 < line.mean_score <= 1.0
    assert report(logs.read("gang-empat")) == []


def test_nothing_said_writes_nothing(tmp_path: Path) -> None:
    ShadowFile(tmp_path / "shadow").append("gang-tiga", ())

    assert not (tmp_path / "shadow").exists()


def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_file, "MAX_BYTES", 2000)
    logs, signals = ShadowFile(tmp_path), shadow_signals()
    for _ in range(30):
        logs.append("k", signals)

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 8000
    assert len(list(tmp_path.iterdir())) == 2
    assert logs.read("k")[-1].phase is Phase.ENDED


def test_a_line_torn_by_a_power_cut_is_left_out(tmp_path: Path) -> None:
    logs = ShadowFile(tmp_path)
    logs.append("k", shadow_signals())
    with (tmp_path / "k.jsonl").open("ab") as file:
        file.write(b'{"at": "2026-03-0\xff')

    assert len(logs.read("k")) == 2
