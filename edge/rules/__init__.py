"""Behaviour rules: pure functions of tracks and time. They read no clock and no file."""
