"""The demo's log-ins: generated once with fresh passwords and stored with the demo's data."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from demo.site import CEMPAKA, KENANGA

if TYPE_CHECKING:
    from pathlib import Path

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without l, o, 0 and 1, which look alike."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person of the demo. `kampung_id` None grants the role everywhere."""

    title: str
    username: str
    role: str
    kampung_id: str | None
    password: str


def new_accounts() -> list[Account]:
    """One operator for each kampung, an auditor and an administrator, with fresh passwords."""
    return [
        Account(f"Operator, {CEMPAKA.name}", "operator", "operator", CEMPAKA.id, new_password()),
        Account(f"Operator, {KENANGA.name}", "operator-kenanga", "operator", KENANGA.id, new_password()),
        Account("Auditor", "auditor", "auditor", None, new_password()),
        Account("Administrator", "admin", "administrator", None, new_password()),
    ]


def new_password() -> str:
    """Four groups of four characters: 80 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


def load_accounts(file: Path) -> list[Account] | None:
    """The accounts in `file`, or None if it does not exist."""
    if not file.is_file():
        return None
    return [Account(**entry) for entry in json.loads(file.read_text())]


def save_accounts(file: Path, accounts: list[Account]) -> None:
    """Write the accounts to a file that only this user can read."""
    write_private(file, json.dumps([asdict(account) for account in accounts], indent=1))


def write_private(file: Path, text: str) -> None:
    """Write `text` to `file`, which only this user can read from its first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
