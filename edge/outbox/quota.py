"""The order in which the outbox deletes when it is over its quota."""

from __future__ import annotations

import sqlite3

BATCH_ROWS = 200

# First attachments that the server has; then clips before thumbnails (a clip is as large as a thousand thumbnails),
# least severe and oldest first.
_ATTACHMENTS = (
    "SELECT attachment_id, size_bytes FROM attachments WHERE state = 'sent' ORDER BY sequence LIMIT ?",
    (
        "SELECT attachment_id, size_bytes FROM attachments WHERE state != 'sent' "
        "ORDER BY kind = 'thumbnail', severity, sequence LIMIT ?"
    ),
)
# First events that the server has; then the least severe and oldest.
_EVENTS = (
    "SELECT sequence, length(body) FROM events WHERE state = 'sent' ORDER BY sequence LIMIT ?",
    "SELECT sequence, length(body) FROM events WHERE state != 'sent' ORDER BY severity, sequence LIMIT ?",
)


class QuotaOrder:
    """Chooses what to delete: first what the server has, then the least severe and oldest."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def attachment_victims(self, excess_bytes: int) -> list[int]:
        """The ids of the attachments to delete to free `excess_bytes`, at most BATCH_ROWS of each query."""
        return self._victims(_ATTACHMENTS, excess_bytes)

    def event_victims(self, excess_bytes: int) -> list[int]:
        """The sequence numbers of the events to delete; only for an outbox that has no attachment left."""
        return self._victims(_EVENTS, excess_bytes)

    def _victims(self, queries: tuple[str, ...], excess_bytes: int) -> list[int]:
        chosen: list[int] = []
        for query in queries:
            for key, size_bytes in self._connection.execute(query, (BATCH_ROWS,)):
                if excess_bytes <= 0:
                    return chosen
                chosen.append(int(key))
                excess_bytes -= int(size_bytes)
        return chosen
