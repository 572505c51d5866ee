"""The wire below HTTP's meaning: heads that are endless, and heads that never end."""

from __future__ import annotations

import socket

import pytest

from server.http_protocol import BoundedHeadProtocol
from tests.support.server import LiveServer


def connected(server: LiveServer) -> socket.socket:
    host, port = server.base_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10.0)


def until_closed(link: socket.socket) -> bytes:
    heard = b""
    try:
        while part := link.recv(4096):
            heard += part
    except ConnectionResetError:
        pass  # the server closed while bytes were still on their way to it
    return heard


def test_a_head_without_end_is_cut_off(live_server: LiveServer) -> None:
    with connected(live_server) as link:
        link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: ")
        try:
            for sent in range(0, 64_000_000, 65_536):
                link.sendall(b"a" * 65_536)
                assert sent < 32_000_000, "the server takes a head of any length"
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert b" 200 " not in until_closed(link)
    assert live_server.client().get("/healthz").status_code == 200


def test_a_long_head_is_answered_so(live_server: LiveServer) -> None:
    with connected(live_server) as link:
        link.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 100_000)
        assert until_closed(link).startswith(b"HTTP/1.1 431 ")


def test_a_connection_that_sends_no_whole_head_is_closed(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHeadProtocol, "head_within_s", 0.2)
    for begun in (b"", b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"):
        with connected(live_server) as link:
            link.sendall(begun)
            assert until_closed(link) == b""


def test_a_second_request_on_a_connection_is_bounded_like_the_first(live_server: LiveServer) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fill: " + b"a" * 40_000 + b"\r\n\r\n"
    with connected(live_server) as link:
        for _ in range(3):
            link.sendall(whole)
            answer = b""
            while b'"ok"' not in answer:
                part = link.recv(4096)
                assert part, "the server hung up"
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 ")
        link.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"a" * 100_000)
        assert until_closed(link).startswith(b"HTTP/1.1 431 ")
