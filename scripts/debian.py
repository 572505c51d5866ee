"""Debian packages without root: download one with apt-get into a folder, and extract files from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from scripts.say import MissingPrerequisiteError, attempt

LISTS = Path("/var/lib/apt/lists")


def as_root() -> list[str] | None:
    """The prefix that runs a command as root: empty for root, sudo if it needs no password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and attempt(["sudo", "-n", "true"]) is None:
        return ["sudo", "-n"]
    return None


def download_package(name: str, into: Path) -> Path:
    """The newest .deb of the package `name` from the machine's own sources, downloaded into `into`.

    The machine's package lists are used if present; if they are missing or out of date, fresh ones are
    fetched into `into`, so that neither root nor a changed system is needed.

    Raises MissingPrerequisiteError where there is no apt-get, no network, or no such package.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise MissingPrerequisiteError(f"The Debian package {name} is needed, but apt-get and dpkg-deb are not here.")
    into.mkdir(parents=True, exist_ok=True)
    fault: str | None = "  no package lists"
    if any(LISTS.glob("*Packages*")):
        fault = attempt(["apt-get", "download", "-q", name], cwd=into)
    if fault is not None:
        options = _private_state(into / "apt")
        fault = attempt(["apt-get", *options, "-q", "update"], cwd=into) or attempt(
            ["apt-get", *options, "download", "-q", name], cwd=into
        )
    found = sorted(into.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise MissingPrerequisiteError(
            f"The Debian package {name} could not be downloaded; is the network up and /etc/apt/sources.list right?"
            f"\n{fault}"
        )
    return found[-1]


def _private_state(root: Path) -> list[str]:
    """Options that make apt-get keep its lists and caches in `root`, owned by the calling user."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (root / part).mkdir(parents=True, exist_ok=True)
    settings = {
        "Dir::State": f"{root}/state",
        "Dir::State::lists": f"{root}/state/lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": f"{root}/cache",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def extract_one(deb: Path, ending: str, target: Path) -> None:
    """Write the one file of `deb` whose path ends with `ending` to `target`, whole or not at all.

    Raises MissingPrerequisiteError when the package holds no such file.
    """
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as unpack:
        try:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
                for member in archive:
                    source = archive.extractfile(member) if member.name.endswith(ending) else None
                    if source is not None:
                        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as copy:
                            shutil.copyfileobj(source, copy)
                        Path(copy.name).replace(target)
                        return
        finally:
            unpack.kill()
    raise MissingPrerequisiteError(f"The package {deb.name} holds no file {ending}.")
