"""Values from outside the configuration file: environment variables, and files that contain one secret.

The validation context `Surroundings` says where to find them. Without one, the process's environment and the current
folder are used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, SecretStr, ValidationInfo

from edge.system.redact import redact_url

URL_SCHEMES = ("rtsp", "rtsps", "file")
MIN_TOKEN_CHARS = 16

# Capitals only: an error shows the name of a missing variable, and a password in its place must not pass as a name.
_NAME_PATTERN = "[A-Z_][A-Z0-9_]*"
_VARIABLE = re.compile(rf"\$\{{({_NAME_PATTERN})\}}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a configuration file: relative paths start at `folder`, variables come from `environ`."""

    folder: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def surroundings_of(info: ValidationInfo) -> Surroundings:
    """Return the validation context, or the surroundings of the process."""
    return info.context if isinstance(info.context, Surroundings) else Surroundings()


def expand(template: str, environ: Mapping[str, str]) -> str:
    """Return the URL with every `${NAME}` replaced by the variable's value.

    In the log-in (before the last `@` of the template) values are percent-encoded, so that a password may contain any
    character. Raises ValueError for a variable that is not set and for a malformed one.
    """
    login_end = template.rfind("@")

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if not environ.get(name):
            raise ValueError(f"the environment variable {name} is not set")
        return quote(environ[name], safe="") if match.end() <= login_end else environ[name]

    if "${" in _VARIABLE.sub("", template):
        raise ValueError("a variable is written as ${NAME}, in capitals, digits and underscores")
    return _VARIABLE.sub(value_of, template)


def _camera_url(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    return _checked_url(expand(secret.get_secret_value(), surroundings_of(info).environ))


def _camera_url_from_variable(name: SecretStr, info: ValidationInfo) -> SecretStr:
    return _checked_url(_variable(name.get_secret_value(), info))


def _checked_url(url: str) -> SecretStr:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        # The text of urllib's error may quote a part of the log-in: a password with an unescaped "/" parses as a port.
        raise ValueError("not a valid URL; in a log-in, write @ as %40, : as %3A and / as %2F") from None
    if parts.scheme not in URL_SCHEMES:
        raise ValueError(f"expected a URL that starts with {', '.join(f'{s}://' for s in URL_SCHEMES)}")
    if parts.scheme == "file":
        if not parts.path.startswith("/") or parts.netloc:
            raise ValueError("expected file:// followed by an absolute path")
    elif not parts.hostname or not port_is_fine or any(c.isspace() for c in url):
        raise ValueError(f"expected {parts.scheme}:// followed by log-in (if any), host, port and path, no spaces")
    return SecretStr(url)


def _variable(name: str, info: ValidationInfo) -> str:
    if not re.fullmatch(_NAME_PATTERN, name):
        raise ValueError("expected the name of an environment variable: capitals, digits and underscores")
    value = surroundings_of(info).environ.get(name, "").strip()
    if not value:
        raise ValueError(f"the environment variable {name} is not set")
    return value


def _token_from_variable(name: SecretStr, info: ValidationInfo) -> SecretStr:
    name_text = name.get_secret_value()
    return _checked_token(_variable(name_text, info), f"the environment variable {name_text}")


def _token_from_file(name: SecretStr, info: ValidationInfo) -> SecretStr:
    folder = surroundings_of(info).folder
    try:
        text = (folder / name.get_secret_value()).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError("the token file is not text") from None
    except OSError as error:
        # The error omits the name, because people write the token itself in place of its file.
        raise ValueError(f"cannot read the token file: {error.strerror}; relative names start at {folder}") from None
    return _checked_token(text.strip(), "the token file")


def _checked_token(token: str, origin: str) -> SecretStr:
    if len(token) < MIN_TOKEN_CHARS:
        raise ValueError(f"{origin} must hold a device token of at least {MIN_TOKEN_CHARS} characters")
    if not all(33 <= ord(character) <= 126 for character in token):
        raise ValueError(f"{origin} must hold one token of printable ASCII characters without spaces")
    return SecretStr(token)


def _redacted(url: SecretStr | None) -> str | None:
    return None if url is None else redact_url(url.get_secret_value())


_SHOWN_REDACTED = PlainSerializer(_redacted, return_type=str | None)
_NAME = Field(description="name of an environment variable")

CameraUrl = Annotated[SecretStr, AfterValidator(_camera_url), _SHOWN_REDACTED]
"""A camera's URL with every `${NAME}` replaced. Shown and serialised without its log-in."""

CameraUrlVariable = Annotated[SecretStr, AfterValidator(_camera_url_from_variable), _SHOWN_REDACTED, _NAME]
"""Written as the name of a variable; contains the URL in that variable."""

TokenVariable = Annotated[SecretStr, AfterValidator(_token_from_variable), _NAME]
"""Written as the name of a variable; contains the token in that variable."""

TokenFile = Annotated[SecretStr, AfterValidator(_token_from_file), Field(description="path of a file")]
"""Written as a path; contains the token in that file."""
