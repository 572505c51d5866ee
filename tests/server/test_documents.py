"""The server's documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from contract.errors import ErrorKind
from server.alerts.governor import PlacementReason
from server.http_errors import STATUS_OF, TITLE_OF
from server.store.checks import AUDITED_CHANGES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_kind_of_error_is_documented_with_its_status() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    documented = {ErrorKind(kind): int(status) for kind, status in re.findall(r"`([a-z-]+)` \| (\d{3})", text)}
    assert documented == dict(STATUS_OF)
    assert set(TITLE_OF) == set(ErrorKind)


def test_the_console_has_words_for_everything_that_is_audited() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "server").rglob("*.py")]
    written = [set(re.findall(r'"([a-z]+\.[a-z_]+)"', source)) for source in sources if "AuditEntry(" in source]
    actions = set(AUDITED_CHANGES).union(*written)
    assert {"clip.viewed", "session.refused", "device.token_issued"} <= actions
    for language in ("id", "en"):
        words = (ROOT / f"console/src/i18n/{language}.ts").read_text("utf-8")
        assert actions == set(re.findall(r"^      '([a-z]+\.[a-z_]+)': '", words, re.MULTILINE)), language


def test_every_reason_for_a_place_is_documented() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    documented = re.findall(r"^  \| `([a-z_]+)` \| (?:shown|in the digest) \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(PlacementReason)
