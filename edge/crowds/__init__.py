"""Crowds too dense to be detected person by person: how many people, and how they move."""
