"""The evaluation on real video: what it plays, and how it counts."""

from __future__ import annotations

from pathlib import Path

from bench.behaviours.real_video import Clip, play, score_running, stretches
from tests.support.data import DataFile


def test_an_ordinary_walk_through_the_real_path_shows_people_and_no_running(data_file: DataFile) -> None:
    clip = play(data_file("video/avenue-normal-12.mp4"))

    assert clip.max_people >= 1
    assert clip.running_s == ()


def labelled(folder: Path, pixels_a_frame: int) -> Path:
    path = folder / "clip.gt.txt"
    rows = [f"{n},{int(n >= 25)},{f'{n * pixels_a_frame} 0 40 100' if n >= 25 else ''}" for n in range(75)]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_stretch_runs_when_its_labelled_feet_are_faster_than_the_rule_allows(tmp_path: Path) -> None:
    walking, running = stretches(labelled(tmp_path, 4)), stretches(labelled(tmp_path, 10))

    assert [(one.begins_s, one.ends_s, one.runs) for one in walking] == [(1.0, 2.96, False)]
    assert [one.runs for one in running] == [True]


def test_alerts_count_as_hits_within_a_second_of_a_running_stretch_only(tmp_path: Path) -> None:
    ran = score_running(stretches(labelled(tmp_path, 10)), [Clip("clip.mp4", 10.0, 1, {"running": 2}, (3.5, 8.0))])

    assert (ran.running, ran.hit, ran.other, ran.outside) == (1, 1, 0, 1)
