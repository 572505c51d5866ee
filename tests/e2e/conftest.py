from tests.support.server import live_server, make_server, server_template

__all__ = ["live_server", "make_server", "server_template"]
