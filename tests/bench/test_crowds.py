"""Composed crowds: real bodies on the real square, and what the real path makes of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bench.behaviours.real_video import NOON_WIB, whole_picture
from bench.crowds.scenes import Crush, around_middle, crush, sparse, walking
from bench.crowds.sprites import SPARSE, Cast, cast
from contract.event import Rule
from edge.cli.replay import replay
from edge.config import DeviceConfig
from tests.support.data import DataFile
from tests.support.footage import mot_set
from tests.support.media import Film, make_video


@pytest.fixture(scope="module")
def actors(data_file: DataFile) -> Cast:
    mot_set(data_file, SPARSE)
    data_file("tracks/pets2009/calibration/View_001.xml")
    return cast()


def test_the_cast_are_bodies_without_the_square_behind_them(actors: Cast) -> None:
    bodies = [body for walk in actors.walks for body in walk]

    assert len(actors.walks) > 20
    assert all(0.1 < float(body.alpha.mean()) < 0.7 for body in bodies)


def test_an_annotated_crowd_is_laid_where_its_people_walked(actors: Cast, data_file: DataFile) -> None:
    data_file("tracks/pets2009/annotations/PETS2009-S1L2-1.xml")
    moment = next(islice(walking(actors, "S1L2-1", 1), 100, None))
    changed = np.abs(moment.image.astype(int) - actors.empty.astype(int)).max(axis=2) > 25
    inside = np.zeros_like(changed)
    for x1, y1, x2, y2 in (moment.boxes_xyxyn * (768, 576, 768, 576)).round().astype(int).tolist():
        inside[max(0, y1 - 12) : y2 + 12, max(0, x1 - 25) : x2 + 25] = True

    assert len(moment.boxes_xyxyn) > 20
    assert changed[inside].mean() > 0.2
    assert not changed[~inside].any()


def test_a_crush_has_its_people_at_its_density_and_the_sparse_square_has_few(actors: Cast) -> None:
    (moment,) = islice(crush(actors, Crush(people=49, per_m2=2.0), 3), 1)
    zone = np.array(around_middle((49 / 2.0) ** 0.5 + 1.0))
    feet = np.column_stack((moment.boxes_xyxyn[:, [0, 2]].mean(axis=1), moment.boxes_xyxyn[:, 3]))

    assert len(feet) == 49
    assert (feet.min(axis=0) > zone.min(axis=0)).all()
    assert (feet.max(axis=0) < zone.max(axis=0)).all()
    assert max(len(one.boxes_xyxyn) for one in sparse(5.0)) <= 8


def test_a_crush_that_nobody_can_count_is_told_by_replay_with_an_estimate(actors: Cast, tmp_path: Path) -> None:
    film = Film(width=768, height=576, fps=5, seconds=36.0, gop=10, kbps=3000)
    scene = Crush(people=50, per_m2=2.5, ends_s=36.0)
    video = make_video(tmp_path / "crush.mp4", film, (one.image[:, :, ::-1] for one in crush(actors, scene, 4)))
    settings = whole_picture().cameras[0]
    zone = settings.zones[0].model_dump() | {"rules": {"occupancy": {"capacity": 20}}}
    config: DeviceConfig = whole_picture()
    camera = settings.model_validate(settings.model_dump() | {"url": "file:///clip", "zones": [zone]})

    report = replay(video, config, camera, starts_at=NOON_WIB)

    assert [one.rule for one in report.began] == [Rule.OCCUPANCY]
    reason = report.began[0].reasons[0]
    assert reason.code == "people_estimated"
    assert reason.params["low"] < 50 < reason.params["high"]
    assert report.max_people < 20
