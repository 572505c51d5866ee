"""The Python environment `.venv`: the packages of uv.lock, installed by uv, which pip installs first.

Bare Debian has Python without ensurepip; then pip is extracted from Debian's package python3-pip-whl without root, so
that the system does not change.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.debian import download_package
from scripts.say import MissingPrerequisiteError, attempt, run, step
from scripts.stamps import ROOT, digest, forget, is_current, remember

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
UV_WANTED = "uv>=0.8"
EXTRAS = ("edge", "server", "demo")
GROUPS: dict[str, list[str]] = {"demo": [], "test": ["dev"], "bench": ["dev", "bench"]}
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def ensure_python(profile: str, *, node_wheel: bool) -> None:
    """Install what `profile` (demo, test or bench) needs into `.venv`; each profile includes the one before.

    `node_wheel` adds Node.js from a wheel to the demo's packages; the others have it anyway. Raises
    MissingPrerequisiteError.
    """
    locked = digest([ROOT / "uv.lock", ROOT / "pyproject.toml"], sys.version)
    stamps = {name: f"{locked} {name}" for name in GROUPS}
    if node_wheel:
        stamps["demo"] += " node"
    enough = list(GROUPS)[list(GROUPS).index(profile) :]
    works = attempt([str(PYTHON), "-c", "import pydantic"]) is None
    if works and any(is_current("python", stamps[name]) for name in enough):
        return
    forget("python")
    _ensure_uv()
    step(f"installing the Python packages of uv.lock into {VENV.name} (a few minutes the first time)")
    groups = ["console"] if profile == "demo" and node_wheel else GROUPS[profile]
    chosen = [word for group in groups for word in ("--group", group)]
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    _sync([*extras, "--no-default-groups", *chosen])
    remember("python", stamps[profile])


def _ensure_uv() -> None:
    if attempt([str(UV), "--version"]) is None and attempt([str(PYTHON), "--version"]) is None:
        return
    if attempt([str(PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) is not None:
        _make_venv()
    step("installing uv, which installs the rest")
    if attempt([str(PYTHON), "-m", "pip", "--version"]) is None:
        _install([UV_WANTED], dict(os.environ))
        return
    with tempfile.TemporaryDirectory(prefix="kentongan-pip-") as scratch:
        package = download_package("python3-pip-whl", Path(scratch))
        run(["dpkg-deb", "-x", str(package), scratch], otherwise=f"{package.name} could not be unpacked.")
        wheels = sorted(Path(scratch).glob("usr/share/python-wheels/pip-*.whl"))
        if not wheels:
            raise MissingPrerequisiteError(
                "Python lacks ensurepip, and Debian's python3-pip-whl holds no pip; install python3-venv."
            )
        _install(["pip", UV_WANTED], {**os.environ, "PYTHONPATH": str(wheels[-1])})


def _make_venv() -> None:
    step(f"making {VENV.name} with {sys.executable} {'.'.join(map(str, sys.version_info[:3]))}")
    if VENV.exists():
        shutil.rmtree(VENV)
    has_pip = attempt([sys.executable, "-c", "import ensurepip; ensurepip.version()"]) is None
    command = [sys.executable, "-m", "venv", *([] if has_pip else ["--without-pip"]), str(VENV)]
    run(command, otherwise=f"{sys.executable} could not make {VENV}; on Debian, apt-get install python3-venv helps.")


def _install(packages: list[str], env: dict[str, str]) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    run(command, env=env, otherwise=f"pip could not install {UV_WANTED}; is the network up?")


def _sync(options: list[str]) -> None:
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON_DOWNLOADS": "never", "UV_NATIVE_TLS": "true"}
    env.setdefault("UV_COMPILE_BYTECODE", "true")
    env.pop("VIRTUAL_ENV", None)
    if SYSTEM_CERTIFICATES.is_file():
        env.setdefault("SSL_CERT_FILE", str(SYSTEM_CERTIFICATES))
    # Inexact: the demo must not remove what the tests installed, nor either of them what a developer added.
    command = [str(UV), "sync", "--frozen", "--inexact", "--no-install-project", "--no-progress", *options]
    fault = attempt(command, cwd=ROOT, env=env)
    if fault is None:
        return
    # uv fetches from where uv.lock says. Where only a mirror is reached, pip knows it; the digests stay uv.lock's.
    step("uv could not fetch from where uv.lock says; trying the index that pip is configured for")
    with tempfile.TemporaryDirectory(prefix="kentongan-lock-") as scratch:
        pins = Path(scratch) / "requirements.txt"
        export = [str(UV), "export", "--frozen", "--no-emit-project", "--output-file", str(pins), *options]
        run(export, cwd=ROOT, env=env, otherwise="uv could not read uv.lock.")
        install = [str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(pins)]
        run(install, otherwise=f"The Python packages could not be installed; is the network up?\n{fault}")
