"""The states of an alert and the ways between them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contract.errors import ErrorKind, KentonganError

ALLOWED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "new": ("acknowledged", "resolved", "dismissed"),
        "acknowledged": ("resolved", "dismissed"),
        "resolved": (),
        "dismissed": (),
    }
)
FINAL = ("resolved", "dismissed")


def check_transition(state: str, to: str, verdict: str | None) -> None:
    """Raises:
    KentonganError: `conflict` when no way leads from `state` to `to`; `bad-input` when the verdict is missing where
        an alert is closed, or given where it is not.
    """
    if to not in ALLOWED[state]:
        raise KentonganError(ErrorKind.CONFLICT, f"an alert that is {state} cannot become {to}")
    if to in FINAL and verdict is None:
        raise KentonganError(ErrorKind.BAD_INPUT, f"an alert becomes {to} only with a verdict")
    if to not in FINAL and verdict is not None:
        raise KentonganError(ErrorKind.BAD_INPUT, f"a verdict belongs to resolved or dismissed, not to {to}")
