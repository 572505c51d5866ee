"""A shutdown reaches its last step whatever the earlier ones do."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from structlog.testing import capture_logs

from edge.system.shutdown import ShutdownStep, shut_down


def refuse() -> None:
    raise OSError("the disk refuses")


def test_steps_run_in_their_order() -> None:
    order: list[str] = []
    steps = [ShutdownStep(name, 5.0, partial(order.append, name)) for name in ("streams", "clips", "sender")]
    assert shut_down(steps) == ()
    assert order == ["streams", "clips", "sender"]


def test_a_step_starts_only_after_the_one_before_has_finished() -> None:
    second_started = threading.Event()
    started_early: list[bool] = []
    steps = [
        ShutdownStep("streams", 5.0, lambda: started_early.append(second_started.wait(0.05))),
        ShutdownStep("clips", 5.0, second_started.set),
    ]
    assert shut_down(steps) == ()
    assert started_early == [False]


def test_a_step_that_fails_is_logged_and_the_next_one_runs() -> None:
    order: list[str] = []
    steps = [ShutdownStep("save", 5.0, refuse), ShutdownStep("sender", 5.0, lambda: order.append("sender"))]
    with capture_logs() as logs:
        assert shut_down(steps) == ("save",)
    assert order == ["sender"]
    assert [(log["event"], log["step"], log["exc_info"]) for log in logs] == [("shutdown_step_failed", "save", True)]


def test_a_step_that_exceeds_its_limit_is_logged_and_left_behind() -> None:
    released = threading.Event()
    order: list[str] = []
    steps = [
        ShutdownStep("streams", 0.05, released.wait),
        ShutdownStep("sender", 5.0, lambda: order.append("sender")),
    ]
    with capture_logs() as logs:
        assert shut_down(steps) == ("streams",)
    released.set()
    assert order == ["sender"]
    assert [(log["event"], log["step"], log["limit_s"]) for log in logs] == [
        ("shutdown_step_timed_out", "streams", 0.05)
    ]


def test_a_step_without_time_is_refused() -> None:
    with pytest.raises(ValueError, match="the limit of step 'save' must be above 0 seconds, got 0"):
        ShutdownStep("save", 0.0, refuse)
