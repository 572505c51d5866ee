"""Alerts as people meet them: what they see, what they decide, and what is written down about it."""
