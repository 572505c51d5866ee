"""The behaviours. A rule is a pure function of tracks and time: it reads no clock and no file."""
