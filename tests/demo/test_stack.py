"""The demo's orchestration, without starting what it orchestrates."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from demo.accounts import load_accounts, new_accounts, save_accounts, write_private
from demo.processes import start
from demo.stack import ChildDiedError, Stack, StackError, free_port
from scripts.say import MissingPrerequisiteError

ROOT = Path(__file__).resolve().parents[2]


def run_demo(source: str, state: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SOURCE": source, "XDG_STATE_HOME": str(state)}
    command = [sys.executable, "-m", "demo"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("source", ["http://budi:rahasia@host/x", "rtsp://budi:raha/sia@host/x", "/no/such/film.mp4"])
def test_a_wrong_source_ends_the_demo_with_one_sentence_and_no_log_in(source: str, tmp_path: Path) -> None:
    done = run_demo(source, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("demo: SOURCE must")
    assert done.stderr.count("\n") == 1
    assert "raha" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_video_ends_the_demo_with_one_sentence(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_text("not a film")
    done = run_demo(str(film), tmp_path / "state")
    assert done.returncode == 1
    assert done.stderr.startswith(f"demo: SOURCE {film} cannot be played: Invalid data")


def test_a_second_demo_on_the_same_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with Stack(tmp_path), pytest.raises(MissingPrerequisiteError, match="running already"), Stack(tmp_path):
        pytest.fail("two demos on one folder")
    with Stack(tmp_path):
        assert (tmp_path / "logs").is_dir()


def test_the_folder_is_for_this_user_alone(tmp_path: Path) -> None:
    with Stack(tmp_path / "state"):
        for part in ("", "server", "edge", "logs"):
            assert stat.S_IMODE((tmp_path / "state" / part).stat().st_mode) == 0o700


def test_a_taken_port_gives_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in {0, port}
    assert free_port(port) == port


def test_a_child_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    child = start("edge", [sys.executable, "-c", "raise SystemExit('no model')"], tmp_path / "log", os.environ)
    child.process.wait(timeout=20)
    assert str(ChildDiedError(child)) == f"edge ended with status 1; the end of {tmp_path / 'log'}:\n  no model"


def test_what_the_user_typed_after_make_does_not_reach_the_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "rtsp://budi:rahasia@host/x"
    for name in ("SOURCE", "MAKEFLAGS", "MAKEOVERRIDES"):
        monkeypatch.setenv(name, f"SOURCE={secret}")
    child = start(
        "child", [sys.executable, "-c", "import os; print(os.environ)"], tmp_path / "log", Stack(tmp_path).env
    )
    child.process.wait(timeout=20)
    assert "rahasia" not in child.log.read_text()
    assert "PATH" in child.log.read_text()


def test_every_account_has_a_password_of_its_own_and_they_are_kept_for_this_user_alone(tmp_path: Path) -> None:
    accounts = new_accounts()
    assert len({account.password for account in accounts}) == len(accounts)
    assert {account.role for account in accounts} == {"operator", "auditor", "administrator"}
    assert load_accounts(tmp_path / "logins.json") is None
    save_accounts(tmp_path / "logins.json", accounts)
    assert load_accounts(tmp_path / "logins.json") == accounts
    assert stat.S_IMODE((tmp_path / "logins.json").stat().st_mode) == 0o600


def test_a_private_file_that_was_readable_by_all_is_made_private(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_accounts_of_an_interrupted_first_start_get_their_passwords_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, ...]] = []

    def cli(_: Stack, *words: str, **told: str) -> str:
        said.append((words[1], words[2], told["said"]))
        if words[1] == "add" and words[2] == "operator":
            raise StackError("the account exists")
        return ""

    monkeypatch.setattr(Stack, "_cli", cli)
    with Stack(tmp_path) as stack:
        stack._ensure_accounts()
        accounts = stack.accounts
        again = len(said)
        stack._ensure_accounts()
    passwords = {account.username: account.password for account in accounts}
    assert said[:2] == [("add", "operator", passwords["operator"]), ("password", "operator", passwords["operator"])]
    assert [words[:2] for words in said[2:]] == [("add", name) for name in passwords if name != "operator"]
    assert len(said) == again
