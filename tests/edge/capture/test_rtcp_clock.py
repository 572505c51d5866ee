"""Capture times from a camera's sender reports, where these are plausible."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Instant, SystemClock
from edge.capture.packets import Packet
from edge.capture.rtcp_clock import CLOCK_WRONG_S, EXPLAINED_MAX_S, REPORTED_DOUBT_S, SENT_WITHIN_S, ReportedClock
from edge.capture.session import SourceSettings, open_session
from edge.capture.timestamps import UNSEEN_DELAY_S
from edge.decode.decoder import AnalysisDecoder
from tests.support.cameras import make_films, take
from tests.support.media import frame_number
from tests.support.rtsp import FaultyLink, RtspCameras

ARRIVED = Instant(1000.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC), UNSEEN_DELAY_S)


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCameras]:
    with RtspCameras(make_films(tmp_path_factory.mktemp("cameras"))) as running:
        yield running


def watch(link: FaultyLink, film: str, transport: str = "tcp", count: int = 30) -> list[Packet]:
    settings = SourceSettings(link.url(film), transport=transport)  # type: ignore[arg-type] # parametrised
    with open_session(settings, SystemClock(), threading.Event()) as session:
        return take(session.packets(), count)


def taken_utc(link: FaultyLink, packets: list[Packet]) -> list[tuple[Packet, datetime]]:
    """Return each packet with its capture time according to the link."""
    assert link.reports is not None
    assert link.reports.began_utc_s is not None
    began = datetime.fromtimestamp(link.reports.began_utc_s + link.clock_offset_s, UTC)
    decoder = AnalysisDecoder(60.0)
    (first,) = decoder.feed(packets[0]) or decoder.feed(packets[1])[:1]
    assert frame_number(first.y) == 0, "the film is played from its start"
    ticks = [packet.pts_90k - packets[0].pts_90k for packet in packets]
    return [(packet, began + timedelta(seconds=tick / 90_000)) for packet, tick in zip(packets, ticks, strict=True)]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("film", ["street.mp4", "alley.mp4"])
def test_a_camera_that_reports_its_time_dates_its_own_frames(cameras: RtspCameras, film: str, transport: str) -> None:
    with FaultyLink(cameras.port) as link:
        link.report_every_s, link.clock_offset_s = 0.5, -0.2  # as if a frame took 0.2 s to the device
        packets = watch(link, film, transport)
        for packet, taken in taken_utc(link, packets):
            assert abs((packet.captured.utc - taken).total_seconds()) < 0.01, "a frame lasts 0.04 s"
            assert packet.captured.uncertainty_s < 0.5, "by arrival it is never less"
            assert packet.clock_offset_s is not None
            assert -0.6 < packet.clock_offset_s < -0.15
    for before, after in pairwise(packets):
        ticks_s = (after.pts_90k - before.pts_90k) / 90_000
        assert after.captured.mono_s - before.captured.mono_s == pytest.approx(ticks_s, rel=0.011)


@pytest.mark.parametrize("offset_s", [3600.0, -3600.0, 20.0])
def test_a_camera_with_a_wrong_clock_is_dated_by_the_device(cameras: RtspCameras, offset_s: float) -> None:
    with FaultyLink(cameras.port) as link:
        link.report_every_s, link.clock_offset_s = 0.5, offset_s
        packets = watch(link, "street.mp4")
    for packet in packets:
        assert abs((packet.captured.utc - datetime.now(UTC)).total_seconds()) < 5.0
        assert 0.5 <= packet.captured.uncertainty_s < 0.6
        assert packet.clock_offset_s == pytest.approx(offset_s, abs=0.5)


@pytest.mark.parametrize("report_every_s", [None, 0.5])
def test_a_camera_that_reports_no_time_is_dated_by_arrival(cameras: RtspCameras, report_every_s: float | None) -> None:
    with FaultyLink(cameras.port) as link:
        link.report_every_s, link.clock_offset_s = report_every_s, -1e10  # 0: the camera has no clock
        packets = watch(link, "street.mp4", count=10)
    assert {packet.clock_offset_s for packet in packets} == {None}
    assert all(0.5 <= packet.captured.uncertainty_s < 0.6 for packet in packets)


def combined(offset_s: float, arrived: Instant = ARRIVED) -> Instant:
    """Return the capture time of a frame whose report is `offset_s` later than its arrival."""
    clock = ReportedClock()
    clock.observe(5.0, arrived.utc.timestamp() + offset_s)
    instant, reported_s = clock.capture_time(5.0, arrived)
    assert reported_s == pytest.approx(offset_s, abs=2e-6)
    return instant


@given(offset_s=st.floats(-CLOCK_WRONG_S + 0.001, CLOCK_WRONG_S - 0.001))
def test_the_uncertainty_covers_both_clocks(offset_s: float) -> None:
    instant = combined(offset_s)
    reported = ARRIVED.utc + timedelta(seconds=offset_s)
    earliest, latest = ARRIVED.utc - timedelta(seconds=UNSEEN_DELAY_S), ARRIVED.utc
    assert instant.mono_s == ARRIVED.mono_s
    for moment in (reported, min(max(reported, earliest), latest)):
        assert abs((instant.utc - moment).total_seconds()) <= instant.uncertainty_s + 5e-6


@pytest.mark.parametrize(
    ("offset_s", "utc_shift_s", "uncertainty_s"),
    [
        (-0.3, -0.3, REPORTED_DOUBT_S),
        (-0.01, 0.0, UNSEEN_DELAY_S),  # stamped when it was sent
        (-1.5, -1.5, REPORTED_DOUBT_S + 1.0),  # a slow way, or a slow clock
        (-3.0, 0.0, 3.0),
        (3.0, 0.0, UNSEEN_DELAY_S + 3.0),
        (11.0, 0.0, UNSEEN_DELAY_S),  # not a witness any more, but a fault of its own
    ],
)
def test_the_report_is_used_only_where_it_is_plausible(
    offset_s: float, utc_shift_s: float, uncertainty_s: float
) -> None:
    instant = combined(offset_s)
    assert (instant.utc - ARRIVED.utc).total_seconds() == pytest.approx(utc_shift_s, abs=5e-6)
    assert instant.uncertainty_s == pytest.approx(uncertainty_s, abs=5e-6)


def test_a_camera_that_agrees_removes_the_doubt_about_a_step_of_the_devices_clock() -> None:
    doubtful = Instant(ARRIVED.mono_s, ARRIVED.utc, UNSEEN_DELAY_S + 86_400.0)
    assert combined(-0.3, doubtful).uncertainty_s == REPORTED_DOUBT_S
    assert combined(7200.0, doubtful).uncertainty_s == doubtful.uncertainty_s


def test_the_newest_report_holds_until_the_next() -> None:
    clock = ReportedClock()
    assert clock.capture_time(5.0, ARRIVED) == (ARRIVED, None)
    clock.observe(5.0, ARRIVED.utc.timestamp() + 7.0)
    clock.observe(6.0, None)
    assert clock.capture_time(7.0, ARRIVED)[1] == pytest.approx(9.0, abs=1e-5)


@pytest.mark.parametrize("limit_s", [-SENT_WITHIN_S, -EXPLAINED_MAX_S])
def test_a_report_at_the_limit_does_not_make_the_time_jump(limit_s: float) -> None:
    clock = ReportedClock()
    shifts_s = []
    for index in range(100):
        arrived = ARRIVED.shifted(index * 0.04)
        clock.observe(0.0, arrived.utc.timestamp() + limit_s + 0.03 * (-1) ** index)
        shifts_s.append((clock.capture_time(0.0, arrived)[0].utc - arrived.utc).total_seconds())
    assert all(shift_s < 0.0 for shift_s in shifts_s[1:])
