"""Turns signals into events with id, times, thumbnail, tracks and clip, and commits them to the outbox."""
