from tests.support.server import live_server, make_server, server_template
from tests.support.street import cameras, street

__all__ = ["cameras", "live_server", "make_server", "server_template", "street"]
