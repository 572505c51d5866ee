"""Threads end on their event, and several are waited for together."""

from __future__ import annotations

import threading
import time

from edge.system.threads import join_all, start_thread


def wait(stop: threading.Event) -> None:
    stop.wait()


def test_a_started_thread_has_its_name_and_ends_on_its_event() -> None:
    stop = threading.Event()
    thread = start_thread("sender", wait, stop)
    assert (thread.name, thread.daemon, thread.is_alive()) == ("sender", True, True)
    stop.set()
    assert join_all([thread], 10.0)


def test_waiting_for_several_threads_shares_one_limit() -> None:
    stop = threading.Event()
    threads = [start_thread(f"reader {number}", wait, stop) for number in range(4)]
    began_mono_s = time.monotonic()
    assert not join_all(threads, 0.5)
    waited_s = time.monotonic() - began_mono_s
    stop.set()
    assert join_all(threads, 10.0)
    assert 0.4 <= waited_s < 1.8, "four limits after each other would be 2 s"
