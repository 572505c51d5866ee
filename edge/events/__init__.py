"""From signals to events: identified, timed, with thumbnail, tracks and clip, committed to the outbox."""
