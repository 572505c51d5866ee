"""Taking credentials out of what people read. Cameras' URLs carry passwords; logs, errors and events must not.

When in doubt it hides too much: a host name lost from a log line costs a minute, a password that reached one costs
a camera.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s\"'<>]+")
# Cameras also take log-ins as parameters, some of them in the path: /user=admin&password=x&channel=1 (Xiongmai).
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[\w.%\-]*(?:pass|pwd|psw|passwd|token|auth|key|secret|sig|cred|user|usr|login|account|session)[\w.%\-]*)"
    r"(?P<is>=|%3[dD])(?P<value>[^&;#\s]*)",
    re.IGNORECASE,
)


def redact_url(url: str) -> str:
    """The URL with its log-in and every parameter that looks like a secret replaced by `***`.

    The log-in is taken to reach up to the last `@`, because people type passwords with `/`, `?` and `@` in them
    without escaping them. What is not a URL comes back unchanged but for its parameters.
    """
    scheme, separator, rest = url.partition("://")
    if separator and "@" in rest:
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    rest = _SECRET_PARAMETER.sub(lambda match: f"{match['name']}{match['is']}{HIDDEN}", rest if separator else url)
    return f"{scheme}{separator}{rest}" if separator else rest


def redact_text(text: str) -> str:
    """The text with every URL in it redacted as `redact_url` does."""
    return _URL.sub(lambda match: redact_url(match[0]), text)
