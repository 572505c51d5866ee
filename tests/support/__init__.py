"""Helpers for tests: real media, real cameras and servers, and their faults."""
