"""Set up this checkout: `python3 -m scripts.setup PROFILE`. Quick if there is nothing to do.

Needs Python 3.11 or newer and a network; it installs everything else, into the checkout and, for the browser
tests, Debian's chromium.
"""

from __future__ import annotations

import shutil
import sys

NEEDED_BYTES = 2_500_000_000
"""What `.venv`, `node_modules` and the package caches take in total on a fresh machine, rounded up."""


def main(profile: str) -> int:
    """Set up for `profile` (demo, test or bench). Returns the process's exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets a sentence, not a stack trace
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"set-up: Python 3.11 or newer is needed; {sys.executable} is {found}.", file=sys.stderr)
        return 1
    from scripts.say import MissingPrerequisiteError

    try:
        _set_up(profile)
    except MissingPrerequisiteError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped", file=sys.stderr)
        return 130
    return 0


def _set_up(profile: str) -> None:
    from scripts.chromium import ensure_chromium
    from scripts.console_build import ensure_console, machine_node
    from scripts.python_env import VENV, ensure_python
    from scripts.say import MissingPrerequisiteError
    from scripts.stamps import ROOT

    free = shutil.disk_usage(ROOT).free
    if not VENV.exists() and free < NEEDED_BYTES:
        raise MissingPrerequisiteError(
            f"Setting up needs {NEEDED_BYTES / 1e9:.1f} GB in {ROOT}, where {free / 1e9:.1f} GB are free."
        )
    ensure_python(profile, node_wheel=machine_node() is None)
    if profile != "bench":
        ensure_console(packages=profile == "test")
    if profile == "test":
        ensure_chromium()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {"demo", "test", "bench"}:
        sys.exit("usage: python3 -m scripts.setup demo|test|bench")
    sys.exit(main(sys.argv[1]))
