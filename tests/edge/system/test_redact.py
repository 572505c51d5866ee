"""No log-in survives redaction, however it was typed."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.system.redact import redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("rtsp://admin:secret@10.0.0.2:554/stream1", "rtsp://***@10.0.0.2:554/stream1"),
        ("rtsp://admin@10.0.0.2/stream1", "rtsp://***@10.0.0.2/stream1"),
        ("rtsp://10.0.0.2/stream1", "rtsp://10.0.0.2/stream1"),
        ("rtsp://admin:p@ss/w?rd#1@10.0.0.2/s", "rtsp://***@10.0.0.2/s"),
        ("rtsp://a:b@host/s?channel=1&subtype=0", "rtsp://***@host/s?channel=1&subtype=0"),
        ("rtsp://host/s?user=admin&password=secret&channel=1", "rtsp://host/s?user=***&password=***&channel=1"),
        ("rtsp://host/user=admin&password=secret&channel=1.sdp", "rtsp://host/user=***&password=***&channel=1.sdp"),
        ("http://host/x?access_token=abc&API-Key=def", "http://host/x?access_token=***&API-Key=***"),
        ("rtsp://host/s?pwd%3Dsecret", "rtsp://host/s?pwd%3D***"),
        ("rtsp://host/channel=1_password=secret_stream=0", "rtsp://host/channel=1_password=***"),
        ("rtsp://auth.example/live?channel=1", "rtsp://auth.example/live?channel=1"),
        ("/media/street.mp4", "/media/street.mp4"),
    ],
)
def test_a_url_keeps_everything_but_its_secrets(url: str, redacted: str) -> None:
    assert redact_url(url) == redacted


@given(password=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=8))
def test_no_password_survives_escaped_or_not(password: str) -> None:
    for typed in (password, quote(password, safe="")):
        assert typed not in redact_url(f"rtsp://admin:{typed}@10.0.0.2/stream")


def test_urls_inside_a_message_are_redacted_and_the_rest_is_kept() -> None:
    message = "could not open 'rtsp://admin:secret@10.0.0.2/a' nor <rtsp://u:p@10.0.0.3/b>: timed out"
    assert redact_text(message) == "could not open 'rtsp://***@10.0.0.2/a' nor <rtsp://***@10.0.0.3/b>: timed out"


def test_the_time_for_a_long_line_is_linear() -> None:
    began_s = time.process_time()
    for text in ("a" * 200_000, "rtsp://h/" + "pass" * 50_000, "rtsp://h/" + "=" * 100_000, "://" * 60_000):
        redact_text(text)
        redact_url(text)
    assert time.process_time() - began_s < 2.0
