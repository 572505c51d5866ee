"""Taking credentials out of what people read. Cameras' URLs carry passwords; logs, errors and events must not.

When in doubt it hides too much: a host name lost from a log line costs a minute, a password that reached one costs
a camera.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# Both expressions can only begin where a run of their characters begins, so that a long line costs no more than its
# length: they see whatever a camera or an attacker makes the log say.
_URL = re.compile(r"(?<![a-zA-Z0-9+.\-])[a-zA-Z0-9+.\-]+://[^\s\"'<>]+")
_PARAMETERS = re.compile(r"[^&;#\s]+")
_IS = re.compile(r"(=|%3[dD])")
_SECRET_NAME = re.compile(r"pass|pwd|psw|token|auth|key|secret|sig|cred|user|usr|login|account|session", re.IGNORECASE)


def redact_url(url: str) -> str:
    """The URL with its log-in and every parameter that looks like a secret replaced by `***`.

    The log-in is taken to reach up to the last `@`, because people type passwords with `/`, `?` and `@` in them
    without escaping them. What is not a URL comes back unchanged but for its parameters.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _PARAMETERS.sub(_without_secret, url)
    if "@" in rest:
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    return f"{scheme}{separator}{_PARAMETERS.sub(_without_secret, rest)}"


def redact_text(text: str) -> str:
    """The text with every URL in it redacted as `redact_url` does."""
    return _URL.sub(lambda match: redact_url(match[0]), text)


def _without_secret(parameters: re.Match[str]) -> str:
    """Parameters up to the first whose name looks like a secret's. Cameras also take log-ins in the path, some of them
    joined by what may stand in a password: /user=admin_password=x_channel=1 (Xiongmai)."""
    parts = _IS.split(parameters[0])
    for index in range(0, len(parts) - 2, 2):
        if _SECRET_NAME.search(re.split(r"[/?]", parts[index])[-1]):
            return "".join(parts[: index + 2]) + HIDDEN
    return parameters[0]
