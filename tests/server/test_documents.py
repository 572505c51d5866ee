"""The server's documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from contract.errors import ErrorKind
from server.http_errors import STATUS_OF, TITLE_OF

DOCS = Path(__file__).parents[2] / "docs"


def test_every_kind_of_error_is_documented_with_its_status() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = {ErrorKind(kind): int(status) for kind, status in re.findall(r"`([a-z-]+)` \| (\d{3})", text)}
    assert documented == dict(STATUS_OF)
    assert set(TITLE_OF) == set(ErrorKind)


def test_every_invariant_of_the_checker_is_documented() -> None:
    source = (Path(__file__).parents[2] / "server/check/consistency.py").read_text(encoding="utf-8")
    checked = set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    documented = set(
        re.findall(r"^\d\. \*\*([a-z-]+)\.\*\*", (DOCS / "design/server.md").read_text("utf-8"), re.MULTILINE)
    )
    assert documented == checked
