"""Delivery from the outbox to the server, over links that are slow or fail."""

from edge.sender.client import IngestClient
from edge.sender.sender import Sender, SenderStatus
from edge.sender.verdicts import VerdictInbox

__all__ = ["IngestClient", "Sender", "SenderStatus", "VerdictInbox"]
