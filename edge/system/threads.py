"""Starting threads that end on an event, and waiting for several of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence


def start_thread(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    """Start a daemon thread that runs `run(stop)`; `run` returns once `stop` is set."""
    thread = threading.Thread(target=run, args=(stop,), name=name, daemon=True)
    thread.start()
    return thread


def join_all(threads: Sequence[threading.Thread], within_s: float) -> bool:
    """Wait up to `within_s` seconds for all threads together; true if all have ended."""
    ends_mono_s = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, ends_mono_s - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
