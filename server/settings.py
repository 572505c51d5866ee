"""The server's settings: a YAML file, environment variables above it, defaults below; unknown keys are refused."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "KENTONGAN_SERVER_"
_PLACEHOLDERS = ("change", "secret", "password", "example", "default", "placeholder", "token")


class SettingsError(ValueError):
    """The configuration cannot be used; the message is one sentence for the person who wrote it."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listen(_Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535, description="0: any free port")


class Sessions(_Section):
    idle_s: int = Field(default=14_400, ge=60, description="a session unused for so long is over")
    absolute_s: int = Field(default=43_200, ge=60, description="a session is over after so long, used or not")


class LogInLimits(_Section):
    """Attempts within `window_s` before further ones are answered with 429."""

    window_s: int = Field(default=300, ge=1)
    attempts_per_account: int = Field(default=10, ge=1)
    attempts_per_address: int = Field(default=50, ge=1)


class Limits(_Section):
    """Sizes of request bodies, enforced while they stream in, and how long they may stand still."""

    json_bytes: int = Field(default=65_536, ge=1024)
    event_bytes: int = Field(default=1_048_576, ge=1024)
    thumbnail_bytes: int = Field(default=2_000_000, ge=1024)
    clip_chunk_bytes: int = Field(default=8_388_608, ge=1024)
    clip_bytes: int = Field(default=536_870_912, ge=1024, description="largest clip that may be announced")
    body_stall_s: float = Field(
        default=30.0, gt=0.0, le=600.0, description="a request whose body stands still for so long is given up"
    )


class Live(_Section):
    keepalive_s: float = Field(default=15.0, gt=0.0, le=60.0)
    send_timeout_s: float = Field(
        default=20.0, gt=0.0, description="a client that takes nothing for so long is cut off"
    )
    max_clients: int = Field(default=500, ge=1)
    max_clients_per_account: int = Field(
        default=20, ge=1, description="pages of one account that follow at once, so that none takes all the places"
    )


class AlertBudget(_Section):
    """How much one person is shown at once; the rest waits in the digest, and critical alerts are always shown."""

    enabled: bool = True
    incidents_per_hour: int = Field(
        default=6, ge=1, le=1000, description="of all kampung that a person is granted together (EEMUA 191)"
    )


class CameraAges(_Section):
    """How long after a device's last heartbeat its cameras count as late, then as lost."""

    late_s: float = Field(default=45.0, gt=0.0)
    lost_s: float = Field(default=90.0, gt=0.0)
    check_every_s: float = Field(default=5.0, gt=0.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.late_s >= self.lost_s:
            raise ValueError(f"late_s must be below lost_s, got {self.late_s} and {self.lost_s}")
        return self


class Storage(_Section):
    """How much disk is kept free, and what is refused when it runs out: pictures first, then events, people never."""

    reserve_bytes: int = Field(
        default=256 << 20, ge=0, description="written out in advance; keeps log-in, verdicts and audit working"
    )
    events_need_bytes: int = Field(default=64 << 20, ge=1 << 20, description="less free disk refuses events")
    media_needs_bytes: int = Field(
        default=512 << 20, ge=1 << 20, description="less free disk refuses clips and thumbnails"
    )
    warn_bytes: int = Field(default=4 << 30, ge=1 << 20, description="less free disk is a warning")
    warn_days: float = Field(default=7.0, gt=0.0, description="so long before pictures are refused, at today's pace")
    check_every_s: float = Field(default=10.0, gt=0.0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.events_need_bytes <= self.media_needs_bytes <= self.warn_bytes:
            raise ValueError("events_need_bytes, media_needs_bytes and warn_bytes must not decrease")
        return self


class Log(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """Everything that can be set. Environment variables are KENTONGAN_SERVER_ + the path, parts joined by two `_`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    listen: Listen = Listen()
    public_url: str | None = Field(
        default=None, description="how browsers reach the console; https makes the session cookie Secure"
    )
    data_dir: Path = Path("kentongan-data")
    database_url: SecretStr | None = Field(default=None, description="default: SQLite in data_dir")
    clips_dir: Path | None = Field(default=None, description="default: clips in data_dir")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="addresses whose X-Forwarded-* headers are believed"
    )
    metrics_token: SecretStr | None = None
    sessions: Sessions = Sessions()
    log_in: LogInLimits = LogInLimits()
    limits: Limits = Limits()
    live: Live = Live()
    alert_budget: AlertBudget = AlertBudget()
    cameras: CameraAges = CameraAges()
    storage: Storage = Storage()
    log: Log = Log()
    shutdown_s: int = Field(default=5, ge=1, le=120, description="open requests get so long when the server stops")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"expected an address that begins with http:// or https://, got {url!r}")
        return url.rstrip("/") if url else url

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy, strict=False)
        return proxies

    @field_validator("metrics_token")
    @classmethod
    def _real_secret(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        text = token.get_secret_value()
        if len(text) < 24 or any(word in text.lower() for word in _PLACEHOLDERS):
            raise ValueError("is too short or looks like an example; make one with: openssl rand -hex 32")
        return token

    @property
    def database(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'kentongan.sqlite3'}"

    @property
    def clips(self) -> Path:
        return self.clips_dir or self.data_dir / "clips"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url is not None and self.public_url.startswith("https://")


def load_settings(path: Path | None) -> Settings:
    """Settings from `path` (defaults without one) with the environment above.

    Raises:
        SettingsError: the file is missing, is no YAML, or holds something that is not understood.
    """
    values = read_yaml(path) if path else {}
    where = f"{path}: " if path else ""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(where + explain(error, Settings)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        SettingsError: in one sentence, what is wrong with the file.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        at = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(f"{path}: is not YAML: {error.problem}{at}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not YAML: {type(error).__name__}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsError(f"{path}: expected keys and values at the top, got a {type(values).__name__}")
    return values


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault in words. An unknown key is answered with the nearest known one; no value is ever repeated for
    secrets, as pydantic masks them.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where or 'the file'}: {first['msg'].removeprefix('Value error, ')}"
    known = list(_sibling_keys(first["loc"], model))
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"unknown key {where}; {hint}"


def _sibling_keys(loc: tuple[int | str, ...], model: type[BaseModel]) -> Iterator[str]:
    fields: Mapping[str, Any] = model.model_fields
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        annotation = fields[part].annotation
        for candidate in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                fields = candidate.model_fields
    yield from fields
