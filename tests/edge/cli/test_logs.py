"""No camera's credentials reach the log, whatever is logged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import structlog

from edge.cli.logs import configure_logs

URL = "rtsp://admin:hunter2@10.0.0.2/stream?channel=1"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "value",
    [URL, [URL, "plain"], {"camera": {"url": URL}}, (1, URL), ValueError(f"cannot open {URL}"), {URL: 1}],
    ids=["text", "list", "nested", "tuple", "error", "key"],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_in_is_redacted_wherever_it_stands(
    capsys: pytest.CaptureFixture[str], value: object, *, as_json: bool
) -> None:
    configure_logs(as_json=as_json)
    structlog.get_logger().warning(f"opening {URL}", what=value)
    printed = capsys.readouterr().err
    assert "10.0.0.2" in printed
    assert "hunter2" not in printed
    assert "admin" not in printed


def open_camera(url: str) -> None:
    raise OSError(f"no answer from {url}")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_in_in_a_traceback_is_redacted(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    configure_logs(as_json=as_json)
    try:
        open_camera(URL)
    except OSError:
        structlog.get_logger().exception("camera_session_failed")
    printed = capsys.readouterr().err
    assert "no answer from rtsp://***@10.0.0.2" in printed
    assert "hunter2" not in printed


def test_numbers_and_none_keep_their_type(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=True)
    structlog.get_logger().info("event", sequence=7, share=0.5, clip=None, live=True, path=Path("/var/lib/x"))
    (entry,) = logged(capsys)
    assert (entry["sequence"], entry["share"], entry["clip"], entry["live"]) == (7, 0.5, None, True)
    assert (entry["path"], entry["level"], entry["event"]) == ("/var/lib/x", "info", "event")


@pytest.mark.parametrize(("verbose", "lines"), [(False, 1), (True, 2)])
def test_details_are_logged_only_on_request(capsys: pytest.CaptureFixture[str], lines: int, *, verbose: bool) -> None:
    configure_logs(as_json=True, verbose=verbose)
    structlog.get_logger().debug("a_detail")
    structlog.get_logger().info("a_message")
    assert len(logged(capsys)) == lines
