"""Fixtures of the server's tests."""

from __future__ import annotations

from tests.support.server import live_server, make_server, server_template

__all__ = ["live_server", "make_server", "server_template"]
