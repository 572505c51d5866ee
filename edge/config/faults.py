"""Faults of a configuration, with their location and text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ErrorKind, KentonganError

Location = tuple[str | int, ...]
"""The path to a value: keys of mappings and indices of lists."""


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One fault: its location (empty: the whole file), its line, and a detail with what was expected and what came."""

    location: Location
    line: int | None
    detail: str

    @property
    def path(self) -> str:
        """The location as text, such as `cameras[1].zones[0].polygon`."""
        text = ""
        for part in self.location:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.path}: {self.detail}" if self.location else f"{where}{self.detail}"


class ConfigError(KentonganError):
    """The configuration is invalid. Contains every fault that was found and never a credential."""

    def __init__(self, file: Path, faults: Sequence[ConfigFault]) -> None:
        self.file = file
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line or 0, fault.path)))
        super().__init__(ErrorKind.BAD_INPUT, "\n".join(f"{file}: {fault}" for fault in self.faults))
