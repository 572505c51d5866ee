"""A page of verdicts as a server sends it that may be newer than this device: what it can read of it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.ids import MAX_COUNT
from contract.verdict import MAX_VERDICTS, AlertVerdict


@dataclass(frozen=True, slots=True)
class ReadPage:
    """The verdicts that could be read, oldest first, and where the list goes on.

    skipped: of each verdict that could not, the names of its fields that were new or wrong.
    """

    verdicts: tuple[AlertVerdict, ...]
    cursor: int
    more: bool
    skipped: tuple[str, ...] = ()


class _Placed(BaseModel):
    """All that a verdict must have to be passed over: its place in the list. What else it says may be newer."""

    model_config = ConfigDict(frozen=True, extra="allow")

    cursor: int = Field(ge=1, le=MAX_COUNT)


class _Envelope(BaseModel):
    """A page whatever its verdicts say."""

    verdicts: tuple[_Placed, ...] = Field(max_length=MAX_VERDICTS)
    cursor: int = Field(ge=0, le=MAX_COUNT)
    more: bool


def read_page(content: bytes) -> ReadPage | None:
    """Read a reply's body; None if it is no page at all.

    A verdict of a rule, or of a kind, that came after this software is skipped: refusing its page would mean asking for
    the same page for ever, and never to learn of the verdicts behind it. Fields of which nothing is known are left out.
    """
    try:
        envelope = _Envelope.model_validate_json(content)
    except ValidationError:
        return None
    verdicts: list[AlertVerdict] = []
    skipped: list[str] = []
    for placed in envelope.verdicts:
        try:
            known = placed.model_dump(include=set(AlertVerdict.model_fields))
            verdicts.append(AlertVerdict.model_validate(known))
        except ValidationError as error:
            skipped.append(", ".join(sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})))
    return ReadPage(tuple(verdicts), envelope.cursor, envelope.more, tuple(skipped))
