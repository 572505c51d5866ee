"""The whole way on real input: people in H.264 over RTSP, through a real worker, to a real server."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from edge.camera_health import clock_watch, faults
from tests.support.rtsp import FaultyLink, LogIn, RtspCameras
from tests.support.server import API, LiveServer
from tests.support.workers import camera, eventually, load_device_config, start_process, working, write_config

FAR_CORNER = [[0.0, 0.1], [0.4, 0.1], [0.4, 0.4], [0.0, 0.4]]
CROWD = {"occupancy": {"capacity": 2, "on_delay_s": 1.0, "cooldown_s": 3600}}


def alerts(operator: httpx.Client, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = operator.get(f"{API}/alerts", params=query).json()["items"]
    return items


def with_clip(operator: httpx.Client, camera_id: str) -> dict[str, Any] | None:
    return next((one for one in alerts(operator, camera=camera_id) if one["has_clip"]), None)


def slices(path: Path) -> list[bytes]:
    """The compressed pictures of a file: what re-encoding would change."""
    with av.open(str(path)) as container:
        return [bytes(packet)[-64:] for packet in container.demux(container.streams.video[0]) if packet.size]


def test_people_become_an_alert_with_its_original_clip_and_a_dead_camera_harms_nobody(
    live_server: LiveServer, cameras: RtspCameras, street: Path, tmp_path: Path
) -> None:
    operator = live_server.log_in("operator-bahari")
    with FaultyLink(cameras.port, log_in=LogIn("admin", "right")) as locked:
        alley = locked.url("street.mp4", user="admin", password="w%ro@ng")
        config = load_device_config(
            write_config(
                tmp_path,
                live_server.base_url,
                live_server.tokens["box-1"],
                [
                    camera("gate", cameras.url("street.mp4"), CROWD, far_people={"region": FAR_CORNER}),
                    camera("alley", alley, CROWD),
                ],
            )
        )
        with working(config) as worker:
            alert = eventually(lambda: with_clip(operator, "gate"))
            health = {one.telemetry.camera_id: one.telemetry for one in worker.telemetry.cameras()}
            looks = {one.telemetry.camera_id: one.tiles_run + one.tiles_withheld for one in worker.telemetry.cameras()}
    assert health["gate"].state == "live"
    assert looks["gate"] > 0
    assert looks["alley"] == 0
    assert health["alley"].state == "lost"
    assert health["alley"].fault is not None
    assert "log-in" in health["alley"].fault or "password" in health["alley"].fault
    assert "w%ro@ng" not in health["alley"].fault
    assert alerts(operator, camera="alley") == []
    assert alert["rule"] == "occupancy"
    assert alert["sentence_id"].startswith(f"{alert['people_count']} orang di zona, batasnya 2")
    detail = operator.get(f"{API}/alerts/{alert['id']}").json()
    clip = operator.get(f"{API}/alerts/{alert['id']}/clip").content
    assert hashlib.sha256(clip).hexdigest() == detail["clip"]["sha256"]
    assert detail["clip"]["redacted"] is False
    assert 0.0 <= detail["clip"]["trigger_offset_s"] <= detail["clip"]["duration_s"]
    (tmp_path / "clip.mp4").write_bytes(clip)
    assert set(slices(tmp_path / "clip.mp4")) <= set(slices(street))
    thumbnail = operator.get(f"{API}/alerts/{alert['id']}/thumbnail")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")


def test_stopping_ends_what_is_open_and_seals_its_clip(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    operator = live_server.log_in("operator-bahari")
    path = write_config(
        tmp_path,
        live_server.base_url,
        live_server.tokens["box-1"],
        [camera("gate", cameras.url("street.mp4"), CROWD)],
    )
    with working(load_device_config(path)):
        opened = eventually(lambda: alerts(operator, camera="gate"))[0]
    assert opened["ongoing"] is True
    # What was not sent before the stop goes out at the next start.
    with working(load_device_config(path)):
        alert = eventually(lambda: next((one for one in alerts(operator) if not one["ongoing"]), None))
    assert alert["id"] == opened["id"]
    detail = operator.get(f"{API}/alerts/{alert['id']}").json()
    assert [event["phase"] for event in detail["events"]] == ["began", "continues", "ended"]
    assert detail["clip"]["duration_s"] >= detail["clip"]["trigger_offset_s"]
    assert detail["clip_fault"] is None


def test_a_worker_killed_in_the_middle_of_a_signal_says_its_last_word_at_the_next_start(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path
) -> None:
    operator = live_server.log_in("operator-bahari")
    path = write_config(
        tmp_path,
        live_server.base_url,
        live_server.tokens["box-1"],
        [camera("gate", cameras.url("street.mp4"), CROWD)],
    )
    process = start_process(path)
    try:
        opened = eventually(lambda: alerts(operator, camera="gate"))[0]
    finally:
        process.kill()
        process.wait(10.0)
    assert opened["ongoing"] is True
    with working(load_device_config(path)):
        closed = eventually(
            lambda: next((one for one in alerts(operator) if one["id"] == opened["id"] and not one["ongoing"]), None)
        )
    detail = operator.get(f"{API}/alerts/{closed['id']}").json()
    assert detail["events"][-1]["phase"] == "ended"
    assert detail["clip_fault"] == "the worker stopped before the clip was sealed"


def test_privacy_masks_reach_thumbnail_and_clip(live_server: LiveServer, cameras: RtspCameras, tmp_path: Path) -> None:
    operator = live_server.log_in("operator-bahari")
    left_third = [[0.0, 0.0], [0.33, 0.0], [0.33, 1.0], [0.0, 1.0]]
    path = write_config(
        tmp_path,
        live_server.base_url,
        live_server.tokens["box-1"],
        [camera("gate", cameras.url("street.mp4"), CROWD, masks=[left_third])],
    )
    with working(load_device_config(path)):
        alert = eventually(lambda: with_clip(operator, "gate"))
    detail = operator.get(f"{API}/alerts/{alert['id']}").json()
    assert detail["clip"]["redacted"] is True
    for name in ("clip", "thumbnail"):
        file = tmp_path / name
        file.write_bytes(operator.get(f"{API}/alerts/{alert['id']}/{name}").content)
        with av.open(str(file)) as container:
            pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        assert pictures
        for picture in pictures:
            width = picture.shape[1]
            assert np.percentile(picture[:, : int(width * 0.32)], 99.5) <= 24, (
                f"something shows behind the mask of the {name}"
            )
            assert picture[:, int(width * 0.4) :].std() > 20


def test_a_camera_that_falls_silent_is_an_alert_of_its_own_until_it_is_back(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "NO_STREAM_AFTER_S", 3.0)
    operator = live_server.log_in("operator-bahari")
    with FaultyLink(cameras.port) as link:
        crowd = {"occupancy": {"capacity": 2, "on_delay_s": 1.0, "off_delay_s": 600.0}}
        path = write_config(
            tmp_path,
            live_server.base_url,
            live_server.tokens["box-1"],
            [camera("gate", link.url("street.mp4"), crowd)],
        )
        with working(load_device_config(path)):
            eventually(lambda: alerts(operator, rule="occupancy"))
            link.stalled = True
            fault = eventually(lambda: alerts(operator, rule="camera_fault"))[0]
            # What was open is ended: nobody can say how many people are there now.
            eventually(lambda: [one for one in alerts(operator, rule="occupancy") if not one["ongoing"]])
            link.stalled = False
            back = eventually(lambda: [one for one in alerts(operator, rule="camera_fault") if not one["ongoing"]])[0]
    assert fault["sentence_id"] == "Kamera tidak mengirim gambar"
    assert fault["zone_id"] == "camera"
    assert back["id"] == fault["id"]


def test_a_camera_whose_clock_is_wrong_is_an_alert_of_its_own_and_goes_on_being_watched(
    live_server: LiveServer, cameras: RtspCameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_watch, "CONFIRM_S", 1.0)
    operator = live_server.log_in("operator-bahari")
    with FaultyLink(cameras.port) as link:
        link.report_every_s, link.clock_offset_s = 0.5, 3600.0
        path = write_config(
            tmp_path,
            live_server.base_url,
            live_server.tokens["box-1"],
            [camera("gate", link.url("street.mp4"), CROWD)],
        )
        with working(load_device_config(path)):
            fault = eventually(lambda: alerts(operator, rule="camera_fault"))[0]
            crowd = eventually(lambda: alerts(operator, rule="occupancy"))[0]
            link.clock_offset_s = -0.3
            right = eventually(lambda: [one for one in alerts(operator, rule="camera_fault") if not one["ongoing"]])[0]
    assert re.fullmatch(r"Jam kamera selisih (1 jam|59 mnt .*) dari jam perangkat", fault["sentence_id"])
    assert fault["severity"] == "notice"
    assert right["id"] == fault["id"]
    for alert in (fault, crowd):
        behind_s = (datetime.now(UTC) - datetime.fromisoformat(alert["captured_at"])).total_seconds()
        assert 0.0 < behind_s < 60.0, "the box's clock dates what the camera shows"
        assert alert["time_uncertainty_s"] < 1.0
