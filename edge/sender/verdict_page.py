"""Parsing a page of verdicts from a server that may be newer than this device."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.ids import MAX_COUNT
from contract.verdict import MAX_VERDICTS, AlertVerdict


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """The verdicts that could be parsed, oldest first, and the cursor of the next page.

    more: whether the server has verdicts after the page. skipped: for each verdict that could not be parsed, the names
    of its unknown or invalid fields.
    """

    verdicts: tuple[AlertVerdict, ...]
    cursor: int
    more: bool
    skipped: tuple[str, ...] = ()


class _RawVerdict(BaseModel):
    """A verdict of any version: only its cursor, the position in the server's list, must be valid."""

    model_config = ConfigDict(frozen=True, extra="allow")

    cursor: int = Field(ge=1, le=MAX_COUNT)


class _RawPage(BaseModel):
    """A page whose verdicts may be of any version."""

    verdicts: tuple[_RawVerdict, ...] = Field(max_length=MAX_VERDICTS)
    cursor: int = Field(ge=0, le=MAX_COUNT)
    more: bool


def parse_page(content: bytes) -> ParsedPage | None:
    """Parse a reply's body; None if it is not a page of verdicts.

    A verdict whose rule or kind is newer than this software is skipped: refusing the whole page would request the same
    page for ever and never reach the verdicts after it. Unknown fields are ignored.
    """
    try:
        page = _RawPage.model_validate_json(content)
    except ValidationError:
        return None
    verdicts: list[AlertVerdict] = []
    skipped: list[str] = []
    for raw in page.verdicts:
        try:
            known = raw.model_dump(include=set(AlertVerdict.model_fields))
            verdicts.append(AlertVerdict.model_validate(known))
        except ValidationError as error:
            skipped.append(", ".join(sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})))
    return ParsedPage(tuple(verdicts), page.cursor, page.more, tuple(skipped))
