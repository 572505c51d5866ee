"""Clips: the camera's packets around a trigger, cut without re-encoding and sealed with a hash."""
