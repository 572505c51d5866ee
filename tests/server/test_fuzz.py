"""Whatever bytes and values come in, the server answers with a problem and goes on; never with a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server import API, Template, copied_server, event_of, heartbeat_of

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(
        ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-11-24T05:00:00Z", "critical", "ended"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def clients(
    server_template: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """A device's and an operator's client of one server."""
    with copied_server(server_template, tmp_path_factory.mktemp("fuzz") / "data") as server:
        server.new_alert()
        yield server.device(), server.log_in("operator-bahari")


def accepted_or_problem(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


def _mutate(document: dict[str, Any], path: list[int], value: object) -> None:
    """Replace the value at a place in the document that `path` chooses."""
    node: Any = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = keys[(path.pop() if path else 0) % len(keys)]
        if not path or not isinstance(node[key], dict | list) or not node[key]:
            node[key] = value
            return
        node = node[key]


@FUZZ
@given(path=st.lists(st.integers(0, 40), min_size=1, max_size=4), value=JSON)
def test_an_event_with_any_value_anywhere_is_never_a_500(
    clients: tuple[httpx.Client, httpx.Client], path: list[int], value: object
) -> None:
    device, operator = clients
    document = json.loads(event_of().to_json())
    _mutate(document, path, value)
    body = json.dumps(document).encode("utf-8", "surrogatepass")
    accepted_or_problem(device.post(f"{API}/ingest/events", content=body))
    assert operator.get(f"{API}/alerts").status_code == 200


@FUZZ
@given(body=st.binary(max_size=200))
def test_any_bytes_are_never_a_500(clients: tuple[httpx.Client, httpx.Client], body: bytes) -> None:
    for url in (f"{API}/ingest/events", f"{API}/ingest/heartbeats", f"{API}/session"):
        accepted_or_problem(clients[0].post(url, content=body, headers={"Content-Type": "application/json"}))


@FUZZ
@given(path=st.lists(st.integers(0, 40), min_size=1, max_size=3), value=JSON)
def test_a_heartbeat_with_any_value_anywhere_is_never_a_500(
    clients: tuple[httpx.Client, httpx.Client], path: list[int], value: object
) -> None:
    document = json.loads(heartbeat_of("box-1", "gate").model_dump_json())
    _mutate(document, path, value)
    accepted_or_problem(clients[0].post(f"{API}/ingest/heartbeats", content=json.dumps(document).encode()))
    assert clients[1].get(f"{API}/kampung").status_code == 200


@FUZZ
@given(
    query=st.dictionaries(
        st.sampled_from(["kampung", "camera", "rule", "state", "severity", "since", "until", "cursor", "limit"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.integers(-(2**70), 2**70).map(str)
        | st.sampled_from(["9999-12-31T23:59:59-12:00", "____________________________________"]),
        max_size=3,
    )
)
def test_any_question_is_never_a_500(clients: tuple[httpx.Client, httpx.Client], query: dict[str, str]) -> None:
    accepted_or_problem(clients[1].get(f"{API}/alerts", params=query))


@FUZZ
@given(headers=st.sampled_from(["-1", "1.5", "9" * 40, "x", ""]), chunk=st.binary(max_size=50))
def test_any_upload_header_is_never_a_500(
    clients: tuple[httpx.Client, httpx.Client], headers: str, chunk: bytes
) -> None:
    url = f"{API}/ingest/clips/01919191-0000-7000-8000-000000000000"
    sent = {"Upload-Offset": headers, "Content-Type": "application/partial-upload"}
    accepted_or_problem(clients[0].patch(url, content=chunk, headers=sent))
