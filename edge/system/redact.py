"""Removes credentials from text. Cameras' URLs contain passwords; logs, errors and events must not.

In doubt it hides too much: a missing host name in a log line costs a minute, a leaked password costs a camera.
"""

from __future__ import annotations

import re

HIDDEN = "***"

# Both expressions can only start where a run of their characters starts, so that their time is linear in the length of
# a line: cameras and attackers control what the log contains.
_URL = re.compile(r"(?<![a-zA-Z0-9+.\-])[a-zA-Z0-9+.\-]+://[^\s\"'<>]+")
_PARAMETERS = re.compile(r"[^&;#\s]+")
_IS = re.compile(r"(=|%3[dD])")
_SECRET_NAME = re.compile(r"pass|pwd|psw|token|auth|key|secret|sig|cred|user|usr|login|account|session", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Return the URL with its log-in, and every parameter that may be a secret, replaced by `***`.

    The log-in is assumed to end at the last `@`, because people type passwords that contain `/`, `?` or `@` without
    escaping them. Text that is not a URL is returned with only its parameters replaced.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _PARAMETERS.sub(_without_secret, url)
    if "@" in rest:
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    return f"{scheme}{separator}{_PARAMETERS.sub(_without_secret, rest)}"


def redact_text(text: str) -> str:
    """Return the text with every URL in it redacted by `redact_url`."""
    return _URL.sub(lambda match: redact_url(match[0]), text)


def _without_secret(parameters: re.Match[str]) -> str:
    """Return the parameters up to the first one with the name of a secret.

    Cameras also accept log-ins in the path, some joined by characters that a password may contain:
    /user=admin_password=x_channel=1 (Xiongmai).
    """
    parts = _IS.split(parameters[0])
    for index in range(0, len(parts) - 2, 2):
        if _SECRET_NAME.search(re.split(r"[/?]", parts[index])[-1]):
            return "".join(parts[: index + 2]) + HIDDEN
    return parameters[0]
