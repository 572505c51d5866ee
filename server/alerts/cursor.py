"""Where a list goes on: an opaque text for the caller, a position for us."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from contract.errors import ErrorKind, KentonganError
from server.store.alerts import Position

_MICROSECONDS_PER_S = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_position(position: Position) -> str:
    since_epoch = position.captured_at - _EPOCH
    microseconds = (since_epoch.days * 86_400 + since_epoch.seconds) * _MICROSECONDS_PER_S + since_epoch.microseconds
    packed = microseconds.to_bytes(8, signed=True) + position.id.bytes
    return base64.urlsafe_b64encode(packed).decode()


def decode_position(cursor: str) -> Position:
    """Raises:
    KentonganError: `bad-input` when `cursor` was not made by `encode_position`.
    """
    try:
        packed = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True)
        position_id = UUID(bytes=packed[8:])  # raises ValueError for any other length
        microseconds = int.from_bytes(packed[:8], signed=True)
        seconds, rest = divmod(microseconds, _MICROSECONDS_PER_S)
        captured_at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    except (ValueError, OverflowError, OSError, binascii.Error):
        raise KentonganError(ErrorKind.BAD_INPUT, "cursor must be the next_cursor of an earlier page") from None
    return Position(captured_at, position_id)
