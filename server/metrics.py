"""Prometheus metrics of one application; nothing in them names a person or a place."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """A registry of its own, so that several applications can live in one process (as tests do)."""

    def __init__(
        self,
        feed_clients: Callable[[], float],
        events_waiting: Callable[[], float],
        disk_free_bytes: Callable[[], float],
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.events = Counter("kentongan_events", "Events by outcome", ["outcome"], registry=self.registry)
        Gauge("kentongan_feed_clients", "Consoles that follow the feed", registry=self.registry).set_function(
            feed_clients
        )
        Gauge("kentongan_events_waiting", "Events that wait for the writer", registry=self.registry).set_function(
            events_waiting
        )
        Gauge("kentongan_disk_free_bytes", "Free bytes of the fullest disk", registry=self.registry).set_function(
            disk_free_bytes
        )
