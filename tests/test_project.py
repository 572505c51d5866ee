"""The repository itself: nothing private in it, nothing unfinished, and its documents are true."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml

from edge.cli.main import app as edge_app
from edge.config import load_device_config
from models.cli import app as models_app
from server.cli import app as server_app
from server.provision import load_site
from server.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
APPS = {"kentongan-server": server_app, "kentongan-edge": edge_app, "kentongan-models": models_app}
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
COMMANDS = "docs/operations.md"
LOCK_FILES = {"uv.lock", "package-lock.json"}


@cache
def tracked() -> dict[str, str]:
    """Every text file that git knows and that exists, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    texts: dict[str, str] = {}
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture, a font or weights
    return texts


def found(pattern: str, *, among: Callable[[str], bool] | None = None) -> list[str]:
    """Where `pattern` stands in the repository, as file:line, in all files or `among` some."""
    expression = re.compile(pattern)
    return [
        f"{name}:{number}"
        for name, text in tracked().items()
        if name != "tests/test_project.py" and Path(name).name not in LOCK_FILES and (among is None or among(name))
        for number, line in enumerate(text.splitlines(), start=1)
        if expression.search(line)
    ]


@pytest.mark.parametrize(
    "pattern",
    [r"-----BEGIN [A-Z ]*PRIVATE KEY", r"\bAKIA[0-9A-Z]{16}\b", r"\bgh[pousr]_[A-Za-z0-9]{30,}", r"\bxox[bp]-[0-9]"],
    ids=["private key", "cloud key", "hosting token", "chat token"],
)
def test_no_secret_is_in_the_repository(pattern: str) -> None:
    assert found(pattern) == []


def test_no_path_of_one_machine_is_in_the_repository() -> None:
    assert found(r"(?<![\w.])/(work|root|home/[a-z]+|Users/[a-z]+)/") == []


def test_no_registry_host_is_in_the_repository() -> None:
    assert found(r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmmirror|deb\.debian\.org") == []


def test_nothing_is_left_to_do() -> None:
    marks = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))
    assert found(rf"\b({marks})\b") == []


def test_nobody_is_called_a_suspect() -> None:
    def is_shown(name: str) -> bool:
        return name.startswith(("console/src/", "contract/")) and ".test." not in name

    assert found(r"(?i)\b(suspects?|tersangka)\b", among=is_shown) == []


# --- examples -------------------------------------------------------------------------------------------------------


def _load_edge(path: Path, folder: Path) -> None:
    copy = folder / path.name
    text = path.read_text()
    copy.write_text(text)
    token_file = yaml.safe_load(text)["server"]["token_file"]
    (folder / token_file).write_text("0123456789abcdef" * 2)
    names = set(re.findall(r"\$\{(\w+)\}", text))
    addresses = set(re.findall(r"^\s+url_env: (\w+)", text, re.MULTILINE))
    load_device_config(
        copy, dict.fromkeys(names, "value") | dict.fromkeys(addresses, "rtsp://user:password@192.0.2.1/stream")
    )


def test_every_example_is_loaded_by_what_it_is_an_example_for(tmp_path: Path) -> None:
    examples = sorted((ROOT / "configs").iterdir())
    assert [path.name for path in examples] == ["edge.example.yaml", "server.example.yaml", "site.example.yaml"]
    edge, server, site = examples
    _load_edge(edge, tmp_path)
    assert load_settings(server).listen.port == 8080
    assert load_site(site).kampung


# --- documents ------------------------------------------------------------------------------------------------------


def commands_of(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    """Every command of a command line, for example ("user", "add")."""

    def walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        parts = getattr(command, "commands", None)
        if parts is None:
            yield path
        else:
            for name, part in parts.items():
                yield from walk(part, (*path, name))

    yield from walk(typer.main.get_command(app), ())


@pytest.mark.parametrize("program", list(APPS))
def test_every_command_is_documented(program: str) -> None:
    text = (ROOT / COMMANDS).read_text()
    assert [path for path in commands_of(APPS[program]) if f"`{program} {' '.join(path)}" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    for program, words in re.findall(r"\b(kentongan-(?:server|edge|models)) ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", text):
        known = set(commands_of(APPS[program]))
        first, *rest = words.split()  # the second word may be a command's part or its argument
        assert {(first,), (first, *rest)} & known, f"{program} {words}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_of_a_document_leads_to_a_file(document: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", (ROOT / document).read_text())
    assert [link for link in links if not ((ROOT / document).parent / link).exists()] == []


def test_every_make_target_has_its_line_of_help_or_is_a_part_of_one() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):(.*)", makefile, re.MULTILINE)
    assert [name for name, rest in targets if "## " not in rest and not name.startswith("setup-")] == []


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Dockerfile.edge", "Dockerfile.server"])
def test_an_image_passes_the_linter(name: str) -> None:
    hadolint = shutil.which("hadolint", path=str(ROOT / ".venv" / "bin")) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint has no wheel for this machine")
    done = subprocess.run([hadolint, str(ROOT / "docker" / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["Dockerfile.edge", "Dockerfile.server"])
def test_an_image_runs_without_root_and_says_how_it_is(name: str) -> None:
    last_stage = re.split(r"^FROM ", (ROOT / "docker" / name).read_text(), flags=re.MULTILINE)[-1]
    users = re.findall(r"^USER (\d+):(\d+)$", last_stage, re.MULTILINE)
    assert [user for user in users if "0" not in user]
    assert "HEALTHCHECK" in last_stage


@pytest.mark.parametrize("name", ["Dockerfile.edge", "Dockerfile.server"])
def test_what_an_image_copies_exists(name: str) -> None:
    text = (ROOT / "docker" / name).read_text()
    sources = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_compose_file_starts_both_images_hardened() -> None:
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    assert set(compose["services"]) == {"server", "edge"}
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert (ROOT / service["build"]["dockerfile"]).is_file()
