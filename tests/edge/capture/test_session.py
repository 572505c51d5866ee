"""Sessions with cameras over real RTSP: their packets and their faults."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from contract.clock import SystemClock
from edge.capture.demux import RawPacket
from edge.capture.file_reader import FileReader
from edge.capture.packets import Packet
from edge.capture.session import FaultKind, Session, SourceFault, SourceSettings, open_session
from edge.capture.timestamps import TimestampGrade
from edge.decode.decoder import AnalysisDecoder
from tests.support.cameras import STREET, make_films, take
from tests.support.media import Film, frame_number, make_video
from tests.support.rtsp import FaultyLink, LogIn, RtspCameras, deaf_server

PASSWORD = "s3:cr/e t@%"  # contains everything that a URL must escape


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCameras]:
    with RtspCameras(make_films(tmp_path_factory.mktemp("cameras"))) as running:
        yield running


def watch(settings: SourceSettings, count: int, clock: SystemClock | None = None) -> list[Packet]:
    with open_session(settings, clock or SystemClock(), threading.Event()) as session:
        return take(session.packets(), count)


def fault_of(settings: SourceSettings) -> SourceFault:
    with pytest.raises(SourceFault) as raised, open_session(settings, SystemClock(), threading.Event()) as session:
        for _ in session.packets():
            pass
    return raised.value


def numbers_of(packets: list[Packet]) -> list[int]:
    """Return the numbers of the film's frames that the packets show."""
    decoder = AnalysisDecoder(60.0)
    return [frame_number(frame.y) for packet in packets for frame in decoder.feed(packet)]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("film", ["street.mp4", "alley.mp4"])
def test_a_cameras_frames_arrive_complete_in_order_and_timed(cameras: RtspCameras, film: str, transport: str) -> None:
    began_mono_s = time.monotonic()
    with FaultyLink(cameras.port) as link:
        packets = watch(SourceSettings(link.url(film), transport=transport), 30)  # type: ignore[arg-type] # parametrised
    numbers = numbers_of(packets)
    assert numbers == [(numbers[0] + index) % STREET.count for index in range(len(numbers))]
    assert len(numbers) >= 29
    assert packets[0].is_keyframe
    first = packets[0].captured
    assert began_mono_s - 0.1 < first.mono_s < began_mono_s + 1.0, "the camera sends the first frame on request"
    assert abs((first.utc - datetime.now(UTC)).total_seconds()) < 5.0
    assert 0.5 <= first.uncertainty_s < 0.6
    for before, after in pairwise(packets):
        ticks_s = (after.pts_90k - before.pts_90k) / 90_000
        assert ticks_s == pytest.approx(0.04, abs=0.001)
        assert after.captured.mono_s - before.captured.mono_s == pytest.approx(ticks_s, rel=0.011)


def test_a_stream_is_described_before_its_first_packet(cameras: RtspCameras) -> None:
    with open_session(SourceSettings(cameras.url("alley.mp4")), SystemClock(), threading.Event()) as session:
        stream = session.stream
    assert (stream.codec, stream.width, stream.height) == ("hevc", 320, 192)
    assert stream.codec_string.startswith("hvc1.1.6.L")


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_the_log_in_uses_the_scheme_that_the_camera_requests(cameras: RtspCameras, scheme: str) -> None:
    with FaultyLink(cameras.port, log_in=LogIn("admin", PASSWORD, scheme)) as link:  # type: ignore[arg-type] # parametrised
        packets = watch(SourceSettings(link.url("street.mp4", user="admin", password=PASSWORD)), 3)
        assert link.refusals >= 1, "the camera did ask"
    assert len(packets) == 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=camera"]
    try:
        subprocess.run(
            [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("needs the openssl command to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_rtsps_is_read_too(cameras: RtspCameras, certificate: ssl.SSLContext) -> None:
    with FaultyLink(cameras.port, tls=certificate) as link:
        assert link.url("street.mp4").startswith("rtsps://")
        assert len(watch(SourceSettings(link.url("street.mp4")), 3)) == 3


def chain_of(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    following: list[BaseException | None] = [error]
    while following:
        one = following.pop()
        if one is not None and one not in chain:
            chain.append(one)
            following += [one.__cause__, one.__context__]
    return chain


def test_a_wrong_password_is_reported_and_never_shown(cameras: RtspCameras, capfd: pytest.CaptureFixture[str]) -> None:
    with FaultyLink(cameras.port, log_in=LogIn("admin", "right")) as link:
        settings = SourceSettings(link.url("street.mp4", user="admin", password=PASSWORD))
        fault = fault_of(settings)
    assert fault.kind is FaultKind.UNAUTHORIZED
    assert fault.detail == f"{settings.display_url} refused the log-in: check user and password"
    shown = [
        repr(settings),
        settings.display_url,
        *(f"{error!r} {error}" for error in chain_of(fault)),
        *capfd.readouterr(),
    ]
    for text in shown:
        assert PASSWORD not in text
        assert "s3%3Acr" not in text


@pytest.mark.parametrize("kind", ["refused", "unknown host", "silent", "garbage", "no such camera"])
def test_no_fault_shows_the_log_in(cameras: RtspCameras, kind: str) -> None:
    with deaf_server() as silent_port, deaf_server(b"SSH-2.0-OpenSSH_9.2\r\n\r\n" * 40) as garbage_port:
        place = {
            "refused": "127.0.0.1:1/x",
            "unknown host": "camera.invalid/x",
            "silent": f"127.0.0.1:{silent_port}/x",
            "garbage": f"127.0.0.1:{garbage_port}/x",
            "no such camera": f"127.0.0.1:{cameras.port}/nowhere.mp4",
        }[kind]
        fault = fault_of(SourceSettings(f"rtsp://admin:geheim@{place}", open_timeout_s=0.5))
    expected = {"no such camera": {FaultKind.NOT_FOUND}, "garbage": {FaultKind.NOT_VIDEO, FaultKind.UNREACHABLE}}
    assert fault.kind in expected.get(kind, {FaultKind.UNREACHABLE})
    assert fault.detail.startswith("rtsp://***@")
    assert not any("geheim" in f"{error!r} {error}" for error in chain_of(fault))


def test_a_host_that_never_answers_times_out() -> None:
    with deaf_server() as port:
        began_mono_s = time.monotonic()
        fault = fault_of(SourceSettings(f"rtsp://127.0.0.1:{port}/x", open_timeout_s=0.4))
    assert fault.kind is FaultKind.UNREACHABLE
    assert time.monotonic() - began_mono_s < 1.0


def test_a_stream_that_ends_raises_ended(cameras: RtspCameras) -> None:
    fault = fault_of(SourceSettings(cameras.url("street.mp4", plays=1)))
    assert fault.kind is FaultKind.ENDED


def test_a_connection_that_is_cut_raises_ended(cameras: RtspCameras) -> None:
    with FaultyLink(cameras.port) as link:
        settings = SourceSettings(link.url("street.mp4"))
        with open_session(settings, SystemClock(), threading.Event()) as session:
            packets = session.packets()
            take(packets, 5)
            link.cut()
            with pytest.raises(SourceFault) as raised:
                take(packets, 1000)
    assert raised.value.kind is FaultKind.ENDED


def test_a_camera_that_stops_sending_raises_silent_in_time(cameras: RtspCameras) -> None:
    with FaultyLink(cameras.port) as link:
        settings = SourceSettings(link.url("street.mp4"), silence_timeout_s=0.5)
        with open_session(settings, SystemClock(), threading.Event()) as session:
            packets = session.packets()
            take(packets, 5)
            link.stalled = True
            stalled_mono_s = time.monotonic()
            with pytest.raises(SourceFault) as raised:
                take(packets, 1000)
            waited_s = time.monotonic() - stalled_mono_s
    assert raised.value.kind is FaultKind.SILENT
    assert raised.value.detail.endswith("has sent no frame for 0.5 s")
    assert 0.4 < waited_s < 1.2


def test_a_stop_while_the_camera_is_silent_ends_without_a_fault_after_the_timeout(
    cameras: RtspCameras,
) -> None:
    stop = threading.Event()
    with FaultyLink(cameras.port) as link:
        settings = SourceSettings(link.url("street.mp4"), silence_timeout_s=0.6)
        with open_session(settings, SystemClock(), stop) as session:
            packets = session.packets()
            take(packets, 5)
            link.stalled = True
            stalled_mono_s = time.monotonic()
            timer = threading.Timer(0.2, stop.set)
            timer.start()
            assert len(take(packets, 1000)) < 1000, "it ends without a fault"
            assert time.monotonic() - stalled_mono_s < 1.2
    timer.join()


def test_a_resolution_change_in_mid_stream_is_a_new_epoch_of_one_session(cameras: RtspCameras) -> None:
    packets = watch(SourceSettings(cameras.url("changing.mp4")), 60)
    sizes = {packet.stream.epoch: (packet.stream.width, packet.stream.height) for packet in packets}
    assert list(sizes.values())[:3] == [(320, 192), (640, 384), (320, 192)]
    assert len({packet.stream.session for packet in packets}) == 1
    decoder = AnalysisDecoder(60.0)
    frames = [frame for packet in packets for frame in decoder.feed(packet)]
    assert {(frame.width, frame.height) for frame in frames} == {(320, 192), (640, 384)}
    assert decoder.counters.errors == 0
    monos = [packet.captured.mono_s for packet in packets]
    assert all(before < after for before, after in pairwise(monos))


class SteppingClock(SystemClock):
    """A device whose wall clock can be stepped."""

    def __init__(self) -> None:
        self.stepped_s = 0.0

    def utc(self) -> datetime:
        return super().utc() + timedelta(seconds=self.stepped_s)


def test_a_wall_clock_that_jumps_back_an_hour_changes_no_duration(cameras: RtspCameras) -> None:
    clock = SteppingClock()
    with open_session(SourceSettings(cameras.url("street.mp4")), clock, threading.Event()) as session:
        packets = session.packets()
        before = take(packets, 10)
        clock.stepped_s = -3600.0
        after = take(packets, 20)
    spacing_s = [later.captured.mono_s - one.captured.mono_s for one, later in pairwise(before + after)]
    assert spacing_s == pytest.approx([0.04] * 29, rel=0.011)
    last = after[-1].captured
    for reading in (datetime.now(UTC), datetime.now(UTC) - timedelta(hours=1)):
        assert abs((last.utc - reading).total_seconds()) <= last.uncertainty_s
    assert 3600.0 < last.uncertainty_s < 3601.0


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_damaged_and_lost_packets_lose_frames_and_nothing_else(cameras: RtspCameras, transport: str) -> None:
    with FaultyLink(cameras.port) as link:
        settings = SourceSettings(link.url("street.mp4"), transport=transport)  # type: ignore[arg-type] # parametrised
        decoder = AnalysisDecoder(60.0)
        with open_session(settings, SystemClock(), threading.Event()) as session:
            packets = session.packets()
            frames = [frame for packet in take(packets, 5) for frame in decoder.feed(packet)]
            link.corrupt_share, link.lose_share = 0.5, 0.2
            for packet in take(packets, 25):
                frames += decoder.feed(packet)
            link.corrupt_share = link.lose_share = 0.0
            healed = take(packets, 50)
    assert len(frames) > 5
    numbers = numbers_of(healed[26:])
    assert len(numbers) >= 10, "every frame after the next keyframe is complete"
    assert numbers == [(numbers[0] + index) % STREET.count for index in range(len(numbers))]


@pytest.mark.parametrize("said", ["by RTSP", "in band"])
def test_opening_waits_for_a_distant_keyframe(tmp_path: Path, said: str) -> None:
    make_video(tmp_path / "rare.mp4", Film(fps=25, gop=75, seconds=3.0, width=128, height=96))
    with RtspCameras(tmp_path) as rare, FaultyLink(rare.port) as link:
        link.lose_share = 1.0
        timer = threading.Timer(0.3, setattr, (link, "lose_share", 0.0))
        timer.start()
        began_mono_s = time.monotonic()
        link.hide_parameter_sets = said == "in band"
        settings = SourceSettings(link.url("rare.mp4"), open_timeout_s=1.5 if said == "by RTSP" else 5.0)
        with open_session(settings, SystemClock(), threading.Event()) as session:
            opened_s = time.monotonic() - began_mono_s
            packets = take(session.packets(), 10)
        timer.join()
    if said == "by RTSP":
        assert opened_s < 1.5, "it is open though nothing could be decoded yet"
    else:
        assert opened_s > 2.5, "nobody said what the stream was before the keyframe"
    assert packets[0].is_keyframe
    assert numbers_of(packets) == list(range(10))


def test_audio_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "talking.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=16000)
        sound.layout = "mono"
        for number in range(25):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = number
            container.mux(video.encode(picture))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        for index in range(15):
            silence.pts = index * 1024
            container.mux(sound.encode(silence))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams) == 2
    with RtspCameras(tmp_path) as talking:
        packets = watch(SourceSettings(talking.url("talking.mp4")), 20)
    assert [packet.stream.codec.value for packet in packets] == ["h264"] * 20


class StutteringReader(FileReader):
    """Yields every third packet twice, as some RTSP servers do."""

    def packets(self, stop: threading.Event) -> Iterator[RawPacket]:
        for number, raw in enumerate(super().packets(stop)):
            yield raw
            if number % 3 == 0:
                yield raw


def test_a_frame_that_is_sent_twice_counts_once(tmp_path: Path) -> None:
    film = Film(seconds=2.0)
    settings = SourceSettings(url=str(make_video(tmp_path / "film.mp4", film)), speed=None)
    clock, stop = SystemClock(), threading.Event()
    seen: list[Packet] = []
    with Session(settings, StutteringReader(settings, clock), clock, stop) as session:
        with pytest.raises(SourceFault, match="end"):
            seen.extend(session.packets())
        assert numbers_of(seen) == list(range(film.count))
        assert session.grades[TimestampGrade.DROP] == -(-film.count // 3)
