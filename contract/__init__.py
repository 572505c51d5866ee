"""The contract between edge and server: events, heartbeats, verdicts, errors, identifiers and the clock.

Models are small, frozen and versioned, and do no I/O. `edge` and `server` import this package and never each other.
"""

__version__ = "0.1.0"
