"""`python -m scripts.npm WORDS...`: npm in the console's folder, with the machine's Node or the wheel's."""

from __future__ import annotations

import subprocess
import sys

from scripts.console_build import CONSOLE, npm_command
from scripts.say import MissingPrerequisiteError


def main(words: list[str]) -> int:
    """Run npm with `words`. Returns the process's exit status."""
    try:
        npm, env = npm_command()
    except MissingPrerequisiteError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return subprocess.run([*npm, *words], cwd=CONSOLE, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
