"""Debian's Chromium, for the browser tests."""

from __future__ import annotations

import shutil

from scripts.debian import as_root
from scripts.say import attempt, step

NAMES = ("chromium", "chromium-browser")


def ensure_chromium() -> None:
    """Install Chromium if it is missing and root is available; otherwise report what will be skipped."""
    if any(shutil.which(name) for name in NAMES):
        return
    root = as_root()
    if root is None or shutil.which("apt-get") is None:
        _skipped("this user may not install packages; as root: apt-get install chromium")
        return
    step("installing Debian's chromium for the browser tests")
    quiet = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    fault = attempt([*quiet, "update"]) or attempt([*quiet, "install", "-y", "--no-install-recommends", "chromium"])
    if fault is not None:
        _skipped(f"apt-get could not install it:\n{fault}")


def _skipped(why: str) -> None:
    line = "*" * 78
    step(f"\n{line}\nTHE BROWSER TESTS WILL BE SKIPPED: there is no Chromium, and {why}\n{line}")
