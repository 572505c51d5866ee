"""Crowds too dense to detect person by person: how many people, and how they move.

What this folder promises: an estimate always carries its range and is never presented as a count; tiles and optical
flow run only on request; nothing here identifies a person or outlives the process.
"""
