"""What crosses the wire or is promised to others: events, heartbeats, errors, identifiers, the clock.

Small, frozen, versioned, no I/O. `edge` and `server` both import it and never each other.
"""

__version__ = "0.1.0"
