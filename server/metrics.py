"""Prometheus metrics of one application; nothing in them names a person or a place."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """A registry of its own, so that several applications can live in one process (as tests do)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.events = Counter("kentongan_events", "Events by outcome", ["outcome"], registry=self.registry)
        self.feed_clients = Gauge("kentongan_feed_clients", "Consoles that follow the feed", registry=self.registry)
        self.events_waiting = Gauge("kentongan_events_waiting", "Events waiting for the writer", registry=self.registry)

    def watch(self, feed_clients: Callable[[], float], events_waiting: Callable[[], float]) -> None:
        """Take the gauges from where they are known."""
        self.feed_clients.set_function(feed_clients)
        self.events_waiting.set_function(events_waiting)
