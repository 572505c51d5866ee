"""Attacks on a real server or its data, each of which must be held; each module is a command of its own."""
