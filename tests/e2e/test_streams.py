"""Two streams of one camera, and two signals of one moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from edge.telemetry import CameraSnapshot
from tests.support.data import DataFile
from tests.support.ingest import running_ingest
from tests.support.media import Film, Image, make_video, people_images
from tests.support.rtsp import RtspCameras
from tests.support.server import API, LiveServer, consistency_findings
from tests.support.street import MAIN, SUB
from tests.support.workers import WHOLE_PICTURE, camera, eventually, load_device_config, working, write_config


def crowd(on_delay_s: float) -> dict[str, object]:
    return {"occupancy": {"capacity": 2, "on_delay_s": on_delay_s, "off_delay_s": 600.0, "cooldown_s": 3600}}


def size_of(content: bytes, path: Path) -> tuple[int, int]:
    path.write_bytes(content)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def test_the_substream_is_analysed_and_the_main_stream_recorded(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    operator = live_server.log_in("operator-bahari")
    pair = camera("gate", cameras.url("street.mp4"), crowd(1.0), substream_url=cameras.url("small.mp4"))
    config = load_device_config(write_config(tmp_path, live_server.base_url, live_server.tokens["box-1"], [pair]))
    with working(config):
        alert = eventually(
            lambda: next((one for one in operator.get(f"{API}/alerts").json()["items"] if one["has_clip"]), None)
        )
    detail = operator.get(f"{API}/alerts/{alert['id']}").json()
    assert 0.0 <= detail["clip"]["trigger_offset_s"] <= detail["clip"]["duration_s"]
    clip = operator.get(f"{API}/alerts/{alert['id']}/clip").content
    assert size_of(clip, tmp_path / "clip.mp4") == (MAIN.width, MAIN.height)
    thumbnail = operator.get(f"{API}/alerts/{alert['id']}/thumbnail").content
    assert size_of(thumbnail, tmp_path / "thumbnail.jpg") == (SUB.width, SUB.height)


def test_a_main_stream_that_is_not_there_is_said_while_the_substream_is_watched(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    pair = camera("gate", cameras.url("missing.mp4"), crowd(1.0), substream_url=cameras.url("small.mp4"))
    config = load_device_config(write_config(tmp_path, live_server.base_url, live_server.tokens["box-1"], [pair]))

    def told_while_live() -> CameraSnapshot | None:
        (now,) = worker.telemetry.cameras()
        return now if now.telemetry.state == "live" and now.telemetry.fault is not None else None

    with working(config) as worker:
        told = eventually(told_while_live)
    assert not told.recorded
    assert str(told.telemetry.fault).startswith("no clips: ")
    assert "missing.mp4" in str(told.telemetry.fault)


def test_two_alerts_of_one_moment_share_one_clip_each_with_its_own_moment_in_it(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    operator = live_server.log_in("operator-bahari")
    gate = camera("gate", cameras.url("street.mp4"), crowd(0.5))
    gate["zones"].append({"id": "gang", "name": "Gang", "polygon": WHOLE_PICTURE, "rules": crowd(2.0)})
    config = load_device_config(write_config(tmp_path, live_server.base_url, live_server.tokens["box-1"], [gate]))
    with working(config):
        eventually(lambda: sum(one["has_clip"] for one in operator.get(f"{API}/alerts").json()["items"]) >= 2, 60.0)
    alerts = operator.get(f"{API}/alerts").json()["items"]
    details = [operator.get(f"{API}/alerts/{one['id']}").json() for one in alerts]
    assert {one["zone_id"] for one in details} == {"ronda", "gang"}
    assert len({one["clip"]["clip_id"] for one in details}) == 1
    by_zone = {one["zone_id"]: one["clip"]["trigger_offset_s"] for one in details}
    assert 1.0 <= by_zone["gang"] - by_zone["ronda"] <= 2.5
    for one in details:
        content = operator.get(f"{API}/alerts/{one['id']}/clip").content
        assert hashlib.sha256(content).hexdigest() == one["clip"]["sha256"]
    assert len(list(live_server.settings.clips.rglob("*.mp4"))) == 1
    live_server.stop()
    assert consistency_findings(live_server.settings) == []


EMPTY_S = 10.0


def test_a_camera_whose_codec_stretches_its_groups_while_nothing_moves_is_not_left_unseen(
    data_file: DataFile, tmp_path: Path
) -> None:
    """Its next keyframe comes 35 s after the first. People come after 10 s, and are told of before it."""
    film = Film(width=640, height=480, fps=10, seconds=25.0, gop=1000, kbps=800)
    make_video(tmp_path / "smart.mp4", film, _people_after_a_while(data_file, film))
    seen: set[str] = set()
    with running_ingest() as server, RtspCameras(tmp_path) as cameras:
        gate = camera("gate", cameras.url("smart.mp4"), crowd(0.5))
        config = load_device_config(write_config(tmp_path, server.url, server.token, [gate]))
        with working(config) as worker:

            def told() -> bool:
                seen.update(one.attention for one in worker.status().cameras)
                return bool(server.events)

            eventually(told, EMPTY_S + 15.0)
    assert {"quiet", "waiting", "active"} <= seen


def _people_after_a_while(data_file: DataFile, film: Film) -> Iterator[Image]:
    people = list(people_images(data_file, film))
    empty = np.median(people[::5], axis=0)
    rng = np.random.default_rng(3)
    for _ in range(round(EMPTY_S * film.fps)):
        yield np.clip(empty + rng.normal(0.0, 2.0, empty.shape), 0, 255).astype(np.uint8)
    yield from people
