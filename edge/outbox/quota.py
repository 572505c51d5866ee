"""What goes first when the outbox is over its quota."""

from __future__ import annotations

import sqlite3

BATCH_ROWS = 200

# Pictures that the server has; then clips before thumbnails (one clip's bytes are a thousand thumbnails), least severe
# and oldest first.
_PICTURES = (
    "SELECT attachment_id, size_bytes FROM attachments WHERE state = 'sent' ORDER BY sequence LIMIT ?",
    (
        "SELECT attachment_id, size_bytes FROM attachments WHERE state != 'sent' "
        "ORDER BY kind = 'thumbnail', severity, sequence LIMIT ?"
    ),
)
# Events that the server has, then the least severe and oldest.
_EVENTS = (
    "SELECT sequence, length(body) FROM events WHERE state = 'sent' ORDER BY sequence LIMIT ?",
    "SELECT sequence, length(body) FROM events WHERE state != 'sent' ORDER BY severity, sequence LIMIT ?",
)


class QuotaOrder:
    """Chooses what to delete, least worthy first."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def picture_victims(self, excess_bytes: int) -> list[int]:
        """The attachments to delete for `excess_bytes` of room, least worthy first, at most BATCH_ROWS a stage."""
        return self._least_worthy(_PICTURES, excess_bytes)

    def event_victims(self, excess_bytes: int) -> list[int]:
        """The sequence numbers of the events to delete; only for an outbox that has no attachment left."""
        return self._least_worthy(_EVENTS, excess_bytes)

    def _least_worthy(self, stages: tuple[str, ...], excess_bytes: int) -> list[int]:
        chosen: list[int] = []
        for query in stages:
            for key, size_bytes in self._connection.execute(query, (BATCH_ROWS,)):
                if excess_bytes <= 0:
                    return chosen
                chosen.append(int(key))
                excess_bytes -= int(size_bytes)
        return chosen
