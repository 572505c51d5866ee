"""Attacks on a real server, each of which must be held: `make attack`."""
