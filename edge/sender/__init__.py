"""Delivery: from the outbox to the server, over links that are slow and fail."""

from edge.sender.client import IngestClient
from edge.sender.sender import Sender, SenderStatus

__all__ = ["IngestClient", "Sender", "SenderStatus"]
