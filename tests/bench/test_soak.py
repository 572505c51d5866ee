"""A short soak: the worker recovers from every injected fault and no event is lost; the figures show what is not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.process_usage import Held
from bench.soak import Plan, soak, summary
from bench.soaking.site import SoakSite
from contract.event import Event
from tests.support.data import DataFile
from tests.support.events import event_data, new_id
from tests.support.media import Film, make_video, people_images
from tests.support.outboxes import LeftBehind

FILM = Film(width=320, height=240, fps=8, seconds=20.0, gop=16, kbps=200)
STEADY = Held(100.0, 15, 16)
PLAN = Plan(60.0)


def event(sequence: int) -> Event:
    return Event.wrap(new_id(), event_data(sequence))


def site_with(*events: Event) -> SoakSite:
    site = SoakSite([], 0)
    site.server.events |= {each.id: each for each in events}
    return site


@pytest.mark.parametrize(("seconds", "cameras", "says"), [(5.0, 4, "at least 10 samples"), (60.0, 0, "1 to 16")])
def test_a_soak_that_says_nothing_is_refused(seconds: float, cameras: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Plan(seconds, cameras)


def test_a_worker_that_holds_no_more_at_the_end_and_loses_nothing_is_steady() -> None:
    waiting = LeftBehind(3, [event(3)])
    result = summary([STEADY] * 20, PLAN, site_with(event(1), event(2)), waiting, 0)
    assert result["ok"] is True
    assert (result["events"], result["events_missing"]) == (2, 0)


@pytest.mark.parametrize(
    "last",
    [replace(STEADY, rss_mb=105.1), replace(STEADY, threads=16), replace(STEADY, descriptors=17)],
    ids=["memory", "threads", "descriptors"],
)
def test_growth_is_a_leak(last: Held) -> None:
    assert summary([STEADY] * 10 + [last] * 10, PLAN, site_with(event(1)), LeftBehind(1, []), 0)["ok"] is False


@pytest.mark.parametrize("numbers", [(1, 3), (1, 2), ()], ids=["one in the middle", "the last", "every one"])
def test_an_event_that_neither_arrived_nor_waits_is_missing(numbers: tuple[int, ...]) -> None:
    site = site_with(*(event(number) for number in numbers))
    result = summary([STEADY] * 20, PLAN, site, LeftBehind(3, []), 0)
    assert result["events_missing"] == 3 - len(numbers)
    assert result["ok"] is False


def test_a_worker_that_does_not_stop_as_asked_is_not_steady() -> None:
    assert summary([STEADY] * 20, PLAN, site_with(event(1)), LeftBehind(1, []), -9)["ok"] is False


def test_a_short_soak_injects_faults_and_loses_nothing(data_file: DataFile, tmp_path: Path) -> None:
    film = make_video(tmp_path / "street.mp4", FILM, people_images(data_file, FILM))
    work = tmp_path / "work"
    work.mkdir()
    # Half a minute says nothing of growth: on a busy machine the worker still fills rings and starts threads.
    plan = Plan(seconds=28.0, cameras=2, sample_every_s=0.25, fault_every_s=0.5)
    result = soak([film], work, plan, lambda _: None)
    assert result["exit_status"] == 0
    assert result["faults_injected"] >= 4
    assert result["events"] > 0
    assert result["events_missing"] == 0
    assert min(result["rss_first_mb"], result["threads"], result["fds"]) > 0
