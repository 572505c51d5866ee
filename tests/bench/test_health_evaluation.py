from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.eval_health import Report, app, plan, watch
from bench.eval_health_camera import ENCODINGS
from bench.eval_health_scenes import CLIPS, Footage, Spell, faults, ordinary
from tests.support.data import DataFile


def test_real_footage_through_a_real_encoder_is_marked_by_what_it_was_made_to_show(
    data_file: DataFile, capsys: pytest.CaptureFixture[str]
) -> None:
    footage = Footage(data_file(CLIPS[0]))
    made = {fault.name: fault for fault in faults(40.0, 0.0)}
    spells = [Spell("ordinary", 60.0), made["shifted by 5 %"], Spell("ordinary", 40.0), made["sends nothing"]]
    report = Report()
    report.add("faults", footage.name, "crf 23, 2 s", watch(footage, spells, ENCODINGS["crf 23, 2 s"]))
    told = report.summary()
    assert told["faults"]["moved"]["recall"] == told["faults"]["no_stream"]["recall"] == 1.0
    assert 8.0 <= told["faults"]["moved"]["p95_s"] <= 20.0
    assert 19.5 <= told["faults"]["no_stream"]["p95_s"] <= 21.0
    assert (told["misnamed"], told["all"]["false_alarms"]) == (0, 0)
    assert told["all"]["camera_hours"] == pytest.approx(3 * 80.0 / 3600.0, abs=0.01)
    assert capsys.readouterr().out.count("found 2/2") == 3


def test_what_is_told_of_an_ordinary_spell_is_a_false_alarm(data_file: DataFile) -> None:
    footage = Footage(data_file(CLIPS[0]))
    dark = next(fault for fault in faults(40.0, 0.0) if fault.fault == "dark")
    spells = [Spell("ordinary", 30.0), Spell("unexpected", 30.0, change=dark.change)]
    runs = watch(footage, spells, ENCODINGS["crf 23, 2 s"])
    assert [alarm.split()[0] for run in runs.values() for alarm in run.false_alarms] == ["dark"] * 3
    assert all(run.blind_s > 10.0 for run in runs.values())


def test_every_ordinary_scene_lasts_as_long_as_was_asked_and_ends_with_a_frozen_picture() -> None:
    for spells in ordinary(20.0).values():
        assert sum(one.seconds for one in spells[:-1]) == pytest.approx(1200.0)
        assert all(one.fault is None for one in spells[:-1])
        assert (spells[-1].fault, spells[-1].still) == ("frozen", True)


def test_the_plan_keeps_to_what_was_asked() -> None:
    asked = list(plan("night", 8.0, [CLIPS[4]], ["1M, 2 s"]))
    assert [(part, clip, encoding) for part, clip, encoding, _ in asked] == [("night", CLIPS[4], "1M, 2 s")]
    assert {part for part, *_ in plan("", 8.0, [], [])} == {"faults", "frozen", *ordinary(8.0)}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--encoding", "mpeg2"], "there is no encoding 'mpeg2'"),
        (["--clip", "video/nosuch.mp4"], "there is no clip"),
        (["--only", "weather"], "there is no part 'weather'"),
        ([], "lacks"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(tmp_path: Path, asked: list[str], told: str) -> None:
    result = CliRunner().invoke(app, [str(tmp_path), *asked], env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert told in result.output
