"""The set-up: what it finds, what it skips, and the one sentence that it has for what is missing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from scripts import chromium, console_build, debian, python_env, say, setup, stamps
from scripts.say import MissingPrerequisiteError

ROOT = Path(__file__).resolve().parents[2]
OldVersion = namedtuple("OldVersion", "major minor micro")  # noqa: PYI024 - stands in for sys.version_info


def executable(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def own_stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stamps"
    monkeypatch.setattr(stamps, "STAMPS", folder)
    return folder


@pytest.mark.parametrize(
    ("version", "suits"),
    [
        ("v20.19.0", True),
        ("v20.18.3", False),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0\n", True),
        ("v18.20.4", False),
        ("", False),
    ],
)
def test_node_is_used_from_the_version_on_that_the_console_builds_with(version: str, suits: bool) -> None:
    assert console_build.suits(version) is suits


def test_the_machines_npm_is_used_where_its_node_is_new_enough(path_folder: Path) -> None:
    npm = executable(path_folder, "npm", "exit 0")
    executable(path_folder, "node", "echo v22.14.0")
    assert console_build.machine_node() == [str(npm)]


@pytest.mark.parametrize("node", [None, "echo v18.20.4", "exit 1"])
def test_an_old_a_broken_and_a_missing_node_are_not_used(path_folder: Path, node: str | None) -> None:
    executable(path_folder, "npm", "exit 0")
    if node is not None:
        executable(path_folder, "node", node)
    assert console_build.machine_node() is None


def test_without_any_node_there_is_one_sentence(path_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_build, "PYTHON", executable(path_folder, "python", "exit 1"))
    with pytest.raises(MissingPrerequisiteError, match=r"needs Node\.js 20\.19 or newer"):
        console_build.npm_command()


def test_a_stamp_is_current_until_what_it_was_made_from_changes(own_stamps: Path) -> None:
    assert not stamps.is_current("python", "one")
    stamps.remember("python", "one")
    assert stamps.is_current("python", "one")
    assert not stamps.is_current("python", "two")
    stamps.forget("python")
    assert not stamps.is_current("python", "one")
    assert own_stamps.is_dir()


def test_a_digest_knows_a_changed_file_and_a_renamed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "ROOT", tmp_path)
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("same")
    second.write_text("same")
    before = stamps.digest([first])
    assert stamps.digest([first]) == before
    assert stamps.digest([second]) != before
    first.write_text("other")
    assert stamps.digest([first]) != before


def test_an_environment_that_is_up_to_date_is_left_alone(own_stamps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = stamps.digest([ROOT / "uv.lock", ROOT / "pyproject.toml"], sys.version)
    monkeypatch.setattr(python_env, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(python_env, "UV", Path("/nonexistent/uv"))
    monkeypatch.setattr(python_env, "VENV", own_stamps / "no-venv")
    stamps.remember("python", f"{locked} test")
    python_env.ensure_python("test", node_wheel=True)
    python_env.ensure_python("demo", node_wheel=True)


def test_what_the_demo_needs_is_not_taken_for_what_the_tests_need(
    own_stamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = stamps.digest([ROOT / "uv.lock", ROOT / "pyproject.toml"], sys.version)
    asked: list[list[str]] = []
    monkeypatch.setattr(python_env, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(python_env, "_ensure_uv", lambda: None)
    monkeypatch.setattr(python_env, "_sync", asked.append)
    stamps.remember("python", f"{locked} demo")
    python_env.ensure_python("test", node_wheel=False)
    assert own_stamps.is_dir()
    assert asked[0][-3:] == ["--no-default-groups", "--group", "dev"]
    python_env.ensure_python("test", node_wheel=False)
    assert len(asked) == 1


def test_an_old_python_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", OldVersion(3, 9, 2))
    assert setup.main("demo") == 1
    assert capsys.readouterr().err.startswith("set-up: Python 3.11 or newer is needed;")


def test_the_set_up_parses_on_an_old_python_so_that_the_sentence_can_be_said() -> None:
    for name in ("__init__.py", "setup.py"):
        ast.parse((ROOT / "scripts" / name).read_text(), feature_version=(3, 7))


def test_too_little_disk_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(python_env, "VENV", tmp_path / "absent")
    monkeypatch.setattr(setup, "NEEDED_BYTES", 1 << 62)
    assert setup.main("demo") == 1
    assert "GB are free" in capsys.readouterr().err


def test_a_failed_command_shows_the_end_of_what_it_printed(tmp_path: Path) -> None:
    loud = executable(tmp_path, "loud", "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); done; exit 3")
    with pytest.raises(MissingPrerequisiteError) as failed:
        say.run([str(loud)], otherwise="It did not work.")
    assert str(failed.value).startswith("It did not work.\n  loud ended with status 3:")
    assert "line 39" in str(failed.value)
    assert "line 5\n" not in str(failed.value)


def test_a_command_that_does_not_exist_is_a_fault_and_no_stack_trace(tmp_path: Path) -> None:
    assert say.attempt([str(tmp_path / "absent")]) == f"  {tmp_path / 'absent'}: No such file or directory"


def test_without_apt_a_debian_package_is_asked_for_in_one_sentence(path_folder: Path, tmp_path: Path) -> None:
    assert list(path_folder.iterdir()) == []
    with pytest.raises(MissingPrerequisiteError, match="opencv-doc is needed, but apt-get and dpkg-deb are not here"):
        debian.download_package("opencv-doc", tmp_path)


FAKE_APT = """
case "$*" in
  *update*) echo updated >> "$LOG"; exit 0;;
  *Dir::State=*download*) echo private >> "$LOG"; : > opencv-doc_1_all.deb; exit 0;;
  *download*) echo system >> "$LOG"; exit {status};;
esac
"""


@pytest.mark.parametrize(
    ("has_lists", "status", "calls"),
    [(False, 0, ["updated", "private"]), (True, 100, ["system", "updated", "private"])],
    ids=["no lists", "lists out of date"],
)
def test_lists_of_our_own_are_fetched_where_the_machines_do_not_serve(
    path_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_lists: bool,
    status: int,
    calls: list[str],
) -> None:
    lists, log = tmp_path / "lists", tmp_path / "log"
    lists.mkdir()
    if has_lists:
        (lists / "main_Packages").touch()
    monkeypatch.setattr(debian, "LISTS", lists)
    monkeypatch.setenv("LOG", str(log))
    executable(path_folder, "apt-get", FAKE_APT.replace("{status}", str(status)))
    executable(path_folder, "dpkg-deb", "exit 0")
    assert debian.download_package("opencv-doc", tmp_path / "into").name == "opencv-doc_1_all.deb"
    assert log.read_text().split() == calls


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A real Debian package with one file in it."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: film\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: film\n"
    )
    (tree / "usr" / "share" / "film").mkdir(parents=True)
    (tree / "usr" / "share" / "film" / "vtest.avi").write_bytes(b"film" * 1000)
    target = tmp_path / "film_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(tree), str(target)], check=True)
    return target


def test_one_file_is_taken_out_of_a_package_without_root(package: Path, tmp_path: Path) -> None:
    debian.extract_one(package, "/vtest.avi", tmp_path / "vtest.avi")
    assert (tmp_path / "vtest.avi").read_bytes() == b"film" * 1000


def test_a_package_without_the_file_is_refused(package: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPrerequisiteError, match=r"holds no file /other\.avi"):
        debian.extract_one(package, "/other.avi", tmp_path / "other.avi")
    assert not (tmp_path / "other.avi").exists()


def test_a_missing_chromium_is_said_loudly_where_it_cannot_be_installed(
    path_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(path_folder.iterdir()) == []
    monkeypatch.setattr(chromium, "as_root", lambda: None)
    chromium.ensure_chromium()
    assert "THE BROWSER TESTS WILL BE SKIPPED" in capsys.readouterr().err


def test_a_chromium_that_is_there_is_left_alone(
    path_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executable(path_folder, "chromium", "exit 0")
    monkeypatch.setattr(chromium, "as_root", lambda: pytest.fail("asked for root"))
    chromium.ensure_chromium()
    assert capsys.readouterr().err == ""


def test_make_says_what_it_can_make() -> None:
    told = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT, env=dict(os.environ))
    for target in ("demo", "smoke", "test", "lint", "clean"):
        assert f"make {target} " in told.stdout
